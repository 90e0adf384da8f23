"""Prints the members of every operation of S3, as botocore's model of the API has them:

OPERATION < HEADER ?PARAMETER BODY/ELEMENT ... > HEADER BODY/ELEMENT ...

For internal/s3/testdata/model.txt: python3 scripts/s3-model.py > internal/s3/testdata/model.txt
"""
import botocore
import botocore.session

model = botocore.session.get_session().get_service_model("s3")


def elements(shape, seen=()):
    """The names of the elements that a shape has, at any depth."""
    if shape.name in seen:
        return
    if shape.type_name == "list":
        name = shape.member.serialization.get("name")
        if name:
            yield name
        yield from elements(shape.member, seen + (shape.name,))
    if shape.type_name == "structure":
        for member, inner in shape.members.items():
            if not inner.serialization.get("location") and not inner.serialization.get("xmlAttribute"):
                yield inner.serialization.get("name", member)
                yield from elements(inner, seen + (shape.name,))


def members(shape):
    if shape is None:
        return
    for member, inner in shape.members.items():
        location, name = inner.serialization.get("location"), inner.serialization.get("name", member)
        if location in ("header", "headers"):
            yield name
        elif location == "querystring":
            yield "?" + name
        elif location != "uri" and (shape.serialization.get("payload") in (None, member)) and inner.type_name != "blob":
            if shape.serialization.get("payload") is None:
                yield "/" + name
            yield from ("/" + x for x in elements(inner))


print("# The members of S3's operations: OPERATION < those of its requests > those of its answers. A name is a header, ?NAME a")
print("# parameter and /NAME an element of a document. Made by scripts/s3-model.py of botocore %s (Apache License 2.0)." % botocore.__version__)
for name in model.operation_names:
    operation = model.operation_model(name)
    sides = [" ".join(dict.fromkeys(members(s))) for s in (operation.input_shape, operation.output_shape)]
    print(" ".join((name + " < " + sides[0] + " > " + sides[1]).split()))
