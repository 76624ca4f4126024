// Stands in for what Nuxt generates for `#imports`: the settings that a question brings with it.

export const useRuntimeConfig = (event) => event.settings;
