"""Prints the members of every operation of IAM or STS, as botocore's model of the API has them:

OPERATION < REQUEST MEMBER ... > ANSWER MEMBER ...

A member of a structure, or of a list of them, stands behind a dot; "!" is behind one that must be there. For
internal/iam/testdata/model/api.txt: python3 scripts/query-model.py iam > internal/iam/testdata/model/api.txt
"""
import sys

import botocore
import botocore.session

model = botocore.session.get_session().get_service_model(sys.argv[1])


def members(shape, path="", seen=()):
    """The paths of the members that a shape has, at any depth."""
    if shape is None or shape.name in seen:
        return
    seen += (shape.name,)
    if shape.type_name == "list":
        yield from members(shape.member, path, seen)
    elif shape.type_name == "map":
        yield path + "entry"
        yield path + "entry.key!"
        yield path + "entry.value!"
    elif shape.type_name == "structure":
        for name, inner in shape.members.items():
            name = inner.serialization.get("name", name)
            yield path + name + ("!" if name in shape.required_members else "")
            yield from members(inner, path + name + ".", seen)


print("# The members of the operations: OPERATION < those of its requests > those of its answers, where ! is behind what must be")
print("# there. Made by scripts/query-model.py of botocore %s (Apache License 2.0)." % botocore.__version__)
for name in model.operation_names:
    operation = model.operation_model(name)
    sides = [" ".join(members(s)) for s in (operation.input_shape, operation.output_shape)]
    print(" ".join((name + " < " + sides[0] + " > " + sides[1]).split()))
