"""Which topic filters an application may have (the contract, section 5). Pure."""

from bridge.names import MANAGEMENT
from bridge.options import TOPICS, Values, own_value


def within(inner: str, outer: str) -> bool:
    """Tell whether every topic that the filter ``inner`` matches is matched by ``outer`` too."""
    narrow, wide = inner.split("/"), outer.split("/")
    for at, level in enumerate(wide):
        if level == "#":
            return True
        if at >= len(narrow) or narrow[at] == "#" or level not in {"+", narrow[at]}:
            return False
    return len(narrow) == len(wide)


def may_use(filter_: str, tenant: str, values: Values, *, alone: bool) -> bool:
    """Tell whether an application of ``tenant`` may read or write ``filter_``.

    It lies below the tenant's devices, or within the option ``topics``. Where that one does not name the tenant, it
    covers devices of all tenants, and only one that has no neighbour (``alone``) may have it.
    """
    if filter_.startswith(f"devices/{tenant}/"):
        return True
    for holder in dict.fromkeys((MANAGEMENT, tenant)):
        granted = own_value(values, holder, TOPICS)
        assert isinstance(granted, list)
        for one in granted:
            if (alone or "{tenant}" in one) and within(filter_, one.replace("{tenant}", tenant).replace("{id}", "+")):
                return True
    return False


def is_info_alone(filter_: str, tenant: str) -> bool:
    """Tell whether ``filter_`` is about nothing but what devices say of themselves, which they alone may say."""
    return within(filter_, f"devices/{tenant}/+/info")
