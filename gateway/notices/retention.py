"""What is kept of how people are told, and of what they were told."""

from audit.kept import Kept

MEMBERS, ADMINS, THEMSELVES = "members of the tenant", "admins of the tenant", "the member"
KEPT = (
    Kept("notices.Preference", "how a member wants to be told, and when not", THEMSELVES),
    Kept(
        "notices.LinkCode",
        "the digest of a code that linked an account in a chat, for ten minutes",
        "nobody",
    ),
    Kept(
        "notices.Notice",
        "that a member or a channel was told of an action, by what and when; never the text",
        "operators and admins",
    ),
    Kept(
        "notices.ChatIdentity",
        "which account in a chat is a member's, and what the chat calls them",
        ADMINS,
        personal={"name": ""},
        tenant="environment__tenant",
    ),
    Kept(
        "notices.Browser",
        "a browser in which a member is told, its push service and sealed keys, until removed",
        THEMSELVES,
    ),
    Kept("notices.Chat", "the chat app of an environment, with its sealed secret", ADMINS),
)
