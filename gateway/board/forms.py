"""Forms of the first-run wizard."""

from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.utils.text import slugify
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gateway.board import setup_code
from gateway.tenants.models import Tenant, User

MAX_SLUG = 40


class FirstForm(forms.Form):
    """The first organisation and its administrator."""

    code = forms.CharField(
        max_length=100,
        label=_("Set-up code"),
        help_text=_(
            "Printed when Countersign started, and kept in the file setup-code of its data folder."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    organisation = forms.CharField(max_length=60, label=_("Organisation"))
    name = forms.CharField(
        max_length=120, label=_("Your name"), widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    email = forms.EmailField(
        label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    @property
    def slug(self) -> str:
        """The organisation's name in addresses."""
        return slugify(self.cleaned_data["organisation"])[:MAX_SLUG]

    def clean_code(self) -> str:
        """The code that was printed."""
        code = str(self.cleaned_data["code"])
        if not setup_code.fits(code):
            raise forms.ValidationError(
                gettext("This is not the set-up code that was printed last.")
            )
        return code

    def clean_organisation(self) -> str:
        """A name that can become an address."""
        text = str(self.cleaned_data["organisation"])
        if not slugify(text):
            raise forms.ValidationError(gettext("Use at least one letter or digit of a to z."))
        if Tenant.objects.filter(slug=slugify(text)[:MAX_SLUG]).exists():
            raise forms.ValidationError(gettext("There is an organisation of this name already."))
        return text

    def clean_email(self) -> str:
        """An address that nobody uses yet: an account is never taken over here."""
        email = str(self.cleaned_data["email"]).strip().lower()
        if User.objects.filter(email=email).exists():
            raise forms.ValidationError(gettext("Somebody signs in with this address already."))
        return email

    def clean_password(self) -> Any:
        """A password that Django's validators accept."""
        password = self.cleaned_data["password"]
        password_validation.validate_password(password)
        return password
