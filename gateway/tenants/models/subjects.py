"""The keys under which one person's data is sealed: deleting a key erases what it sealed."""

from django.db import models

from gateway.lib.rows import Row
from gateway.tenants.models.places import Tenant


class SubjectKey(Row):
    """One person's key in one tenant. Its id is the pseudonym by which sealed values name it.

    `mark` leads from what the tenant calls the person to the key, and cannot be read back. Erasure
    empties both; the row stays as the tombstone that says when.
    """

    PREFIX = "sub"

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    mark = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null leaves the unique index
    sealed = models.TextField(blank=True, help_text="The key, under the deployment's.")
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "mark"], name="tenants_subject_once"),
            models.CheckConstraint(
                name="tenants_subject_erased",
                condition=models.Q(erased_at=None, mark__isnull=False)
                | models.Q(erased_at__isnull=False, mark=None, sealed=""),
            ),
        ]

    def place(self) -> dict[str, str]:
        """Where the sealed key belongs, and only there opens."""
        return {
            "table": "tenants_subjectkey",
            "row": str(self.pk),
            "field": "sealed",
            "tenant": str(self.tenant_id),
        }
