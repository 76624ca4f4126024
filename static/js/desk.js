// The desk's behaviours. Every page works without them: links and forms do the same, one page at a time.
import { startClocks } from "./clocks.js";
import { startCopies } from "./copies.js";
import { startDialogs } from "./dialogs.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startPalette } from "./palette.js";
import { startPane } from "./pane.js";
import { startPasskeys } from "./passkeys.js";
import { startPresence } from "./presence.js";
import { startTabs } from "./tabs.js";
import { startUnanswered } from "./unanswered.js";
import { startWaiting } from "./waiting.js";

startTabs(document);
startCopies(document);
startDialogs();
startClocks();
startPalette();
startKeys();
startPane();
startPasskeys();
startUnanswered();
startWaiting();
startPresence();
startLive();

// What htmx swaps in gets the same treatment as what came with the page.
document.body.addEventListener("htmx:afterSettle", (event) => {
  const root = event.target.parentElement || document;
  startTabs(root);
  startCopies(root);
});
