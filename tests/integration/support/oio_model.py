"""What a container is to its clients, one request after the other: the model that histories are held
against. Its state is ABSENT, or its user properties and its objects."""

ABSENT = ()


def _changed(pairs, key, value):
    """The dictionary of pairs with the key changed; None removes it. Hashable."""
    changed = dict(pairs)
    changed.pop(key, None)
    if value is not None:
        changed[key] = value
    return tuple(sorted(changed.items()))


def apply(state, asked, answered):
    """The state after a request that was answered so; None: it cannot have been."""
    operation, *words = asked
    if answered[0] == 404 or answered[0] == 403:
        return _not_found(state, operation, words)
    if operation == "create":
        return _create(state, words, answered)
    return None if state is ABSENT else _on_present(state, operation, words, answered)


def _not_found(state, operation, words):
    if state is ABSENT:
        return state
    properties, objects = state
    missing = operation == "delete" and words[0] not in dict(objects)
    return state if missing else None


def _create(state, words, answered):
    if answered[0] == 204:
        return None if state is ABSENT else state
    return (words[0], ()) if answered[0] == 201 and state is ABSENT else None


def _on_present(state, operation, words, answered):
    properties, objects = state
    if operation == "destroy":
        if answered[0] == 409:
            return state if objects else None
        return ABSENT if answered[0] == 204 and not objects else None
    if operation == "set":
        return (_changed(properties, *words), objects)
    if operation == "unset":
        return (_changed(properties, words[0], None), objects)
    if operation == "put":
        return (properties, _changed(objects, *words))
    if operation == "delete":
        return (properties, _changed(objects, words[0], None)) if words[0] in dict(objects) else None
    if operation == "flush":
        return (properties, ())
    if operation == "get":
        sums = (len(objects), sum(size for _, size in objects))
        return state if answered[1:] == (properties, *sums) else None
    assert operation == "list", operation
    return state if answered[1] == objects else None
