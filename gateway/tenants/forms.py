"""Forms of members, invitations and groups, and of what policies see of an environment."""

from typing import Any
from zoneinfo import available_timezones

from allauth.account.adapter import get_adapter
from django import forms
from django.conf import settings
from django.contrib.auth import password_validation
from django.http import HttpRequest
from django.utils.text import slugify
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.canonical import digest
from gateway.lib.errors import Refused
from gateway.lib.wordlists import MAX_LISTS
from gateway.tenants.models import Environment, Group, Member, Tenant, User
from gateway.tenants.models.people import Density, DiffMode, Theme
from gateway.tenants.roles import Role
from gateway.tenants.services.places import checked_domains

ROLE_WORDS = {
    Role.VIEWER: _("Viewer: reads"),
    Role.REVIEWER: _("Reviewer: decides what is routed to them"),
    Role.OPERATOR: _("Operator: sources, replay, reconcile"),
    Role.ADMIN: _("Admin: operator, reviewer, and members, agents, tools, policies"),
    Role.AUDITOR: _("Auditor: reads and exports the audit log, nothing else"),
}


class RolesForm(forms.Form):
    """Roles in each environment of the tenant, and groups."""

    def __init__(self, *args: Any, tenant: Tenant, member: Member | None = None, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.environments = list(Environment.objects.filter(tenant=tenant).order_by("name"))
        for environment in self.environments:
            held = sorted(member.roles_in(environment)) if member else []
            self.fields[_name(environment)] = forms.MultipleChoiceField(
                required=False,
                label=gettext("Roles in {environment}").format(environment=environment.name),
                choices=list(ROLE_WORDS.items()),
                initial=held,
                widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
            )
        groups = Group.objects.of(tenant).order_by("name")
        self.fields["groups"] = forms.MultipleChoiceField(
            required=False,
            label=gettext("Groups"),
            choices=[(group.slug, group.name) for group in groups],
            initial=sorted(member.group_slugs()) if member else [],
            widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
            help_text=gettext("Policies route approvals to groups."),
        )

    @property
    def roles(self) -> dict[str, list[str]]:
        """The chosen roles by the environment's slug."""
        return {env.slug: self.cleaned_data[_name(env)] for env in self.environments}


class InviteForm(RolesForm):
    """Whom to invite, and as what."""

    email = forms.EmailField(label=_("E-mail address"))
    field_order = ("email",)

    def clean(self) -> dict[str, Any]:
        """An invitation without any role leads nowhere."""
        data = super().clean() or self.cleaned_data
        if not any(data.get(_name(environment)) for environment in self.environments):
            raise forms.ValidationError(gettext("Choose at least one role in one environment."))
        return data


class GroupForm(forms.Form):
    """The name of a new group; its slug follows from it."""

    name = forms.CharField(
        max_length=120, label=_("Name"), widget=forms.TextInput(attrs={"placeholder": _("Name")})
    )

    def clean_name(self) -> str:
        """A name from which a slug can be made."""
        name = str(self.cleaned_data["name"]).strip()
        if not slugify(name):
            raise forms.ValidationError(
                gettext("Use at least one letter or digit of the English alphabet.")
            )
        return name

    @property
    def slug(self) -> str:
        """How policies name the group."""
        return slugify(self.cleaned_data["name"])[:40]


class AcceptForm(forms.Form):
    """A newcomer's name and password; who has an account already proves it by the password."""

    name = forms.CharField(
        max_length=120, label=_("Your name"), widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(
        label=_("Password"), widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def __init__(self, request: HttpRequest, *, user: User | None) -> None:
        super().__init__(request.POST or None)
        self.request = request
        self.user = user
        if user is not None and user.has_usable_password():
            del self.fields["name"]
            self.fields["password"].label = gettext("Your password")
            self.fields["password"].help_text = gettext(
                "You have an account: sign in with its password."
            )
            self.fields["password"].widget.attrs["autocomplete"] = "current-password"

    def clean_password(self) -> str:
        """The account's password, or a new one that is good enough."""
        password = str(self.cleaned_data["password"])
        if "name" not in self.fields:
            # Counts failures as the sign-in page does, so that a link is no way around its limits.
            adapter = get_adapter(self.request)
            email = self.user.email if self.user else ""
            if not adapter.authenticate(self.request, email=email, password=password):
                raise forms.ValidationError(gettext("This is not the password of your account."))
        else:
            password_validation.validate_password(password, self.user)
        return password


def _name(environment: Environment) -> str:
    return f"roles_{environment.slug}"


class PreferencesForm(forms.Form):
    """How a person likes the desk; whoever is in a hurry changes nothing."""

    theme = forms.ChoiceField(choices=Theme.choices, label=_("Theme"))
    density = forms.ChoiceField(choices=Density.choices, label=_("Density"))
    diff_mode = forms.ChoiceField(choices=DiffMode.choices, label=_("Layout of changes"))
    time_zone = forms.ChoiceField(
        required=False,
        label=_("Time zone"),
        help_text=_("Times on the desk; policies go by your organisation's zone."),
    )
    language = forms.ChoiceField(required=False, label=_("Language"))
    has_shortcuts = forms.BooleanField(
        required=False,
        label=_("Single-key shortcuts"),
        help_text=_("Off, keys such as a and r do nothing by themselves."),
    )

    def __init__(self, *args: Any, user: User, **kw: Any) -> None:
        names = ("theme", "density", "diff_mode", "time_zone", "language", "has_shortcuts")
        kw["initial"] = {name: getattr(user, name) for name in names}
        super().__init__(*args, **kw)
        zones = [(name, name.replace("_", " ")) for name in sorted(available_timezones())]
        _choices(self.fields["time_zone"], [("", gettext("Your organisation's")), *zones])
        languages = [("", gettext("As your browser asks")), *settings.LANGUAGES]
        _choices(self.fields["language"], languages)
        if len(settings.LANGUAGES) == 1:
            # Nothing to choose: what was chosen before stays.
            del self.fields["language"]


def _choices(field: Any, choices: list[tuple[str, Any]]) -> None:
    field.choices = choices


class EnvironmentForm(forms.Form):
    """The label of an environment; `mark` says which state of it the page was opened on."""

    region = forms.CharField(
        required=False, label=_("Region"), max_length=40,
        help_text=_("Where it is run, such as eu. Rules read it as env.region."),
    )  # fmt: skip
    own_domains = forms.CharField(
        required=False, label=_("Domains that are ours"),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_(
            "One a line, such as example.com. Reviewers see whose mail address is in none of them "
            "as an external recipient; without any, nobody is marked."
        ),
    )  # fmt: skip
    mark = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, environment: Environment, **kw: Any) -> None:
        self.state = digest([environment.region, environment.word_lists, environment.own_domains])
        kw["initial"] = {
            "region": environment.region,
            "own_domains": "\n".join(environment.own_domains),
            "mark": self.state,
        }
        super().__init__(*args, **kw)

    def clean_own_domains(self) -> list[str]:
        """The domains, a line or a comma apart; refused where one is none."""
        text: str = self.cleaned_data["own_domains"]
        try:
            return checked_domains(text.replace(",", "\n").splitlines())
        except Refused as error:
            raise forms.ValidationError(error.detail) from error

    def clean_mark(self) -> str:
        """Refused where somebody saved meanwhile, so that no list of theirs is lost."""
        if self.cleaned_data["mark"] != self.state:
            raise forms.ValidationError(gettext("Somebody saved meanwhile. Open the page again."))
        return self.state


class WordListForm(forms.Form):
    """One list of what counts as sensitive, a line each; an empty form is no list."""

    name = forms.CharField(label=_("Name"), required=False, max_length=40)
    words = forms.CharField(
        label=_("Words"), required=False, widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("One a line; found as whole words, in either case."),
    )  # fmt: skip
    patterns = forms.CharField(
        label=_("Patterns"), required=False, strip=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Regular expressions, one a line."),
    )  # fmt: skip

    @property
    def entry(self) -> dict[str, Any]:
        """The list as it is stored; empty where nothing was typed."""
        data = self.cleaned_data
        found = {
            "name": data.get("name", ""),
            "words": [line.strip() for line in _lines(data, "words")],
            "patterns": _lines(data, "patterns"),
        }
        return {key: value for key, value in found.items() if value}

    @staticmethod
    def initial_of(entry: dict[str, Any]) -> dict[str, str]:
        """A stored list as the form shows it."""
        texts = {name: "\n".join(entry.get(name, ())) for name in ("words", "patterns")}
        return {"name": entry["name"], **texts}


WordListForms = forms.formset_factory(WordListForm, extra=1, max_num=MAX_LISTS)


def _lines(data: dict[str, Any], name: str) -> list[str]:
    return [line for line in data.get(name, "").splitlines() if line.strip()]
