"""The endpoints that kinessis finds and those of botocore's endpoint rules: every partition, FIPS and dual-stack."""

import itertools
import os
import subprocess
import sys

sys.path.insert(0, "tests/support")
import tap

try:
    import botocore.session
    from botocore.endpoint_provider import EndpointProvider
    from botocore.exceptions import EndpointProviderError
except ImportError as error:
    tap.skip_all(f"botocore is not installed: {error}")

SERVICES = "kinesis firehose s3 glue athena sts".split()
REGIONS = (
    "us-east-1 us-west-2 eu-west-1 af-south-1 me-central-1 mx-central-1 cn-north-1 cn-northwest-1 us-gov-west-1 "
    "us-gov-east-1 us-iso-east-1 us-iso-west-1 us-isob-east-1 eu-isoe-west-1 us-isof-south-1 eusc-de-east-1 xx-new-1"
).split()

loader = botocore.session.Session().get_component("data_loader")
partitions = loader.load_data("partitions")
providers = {
    name: EndpointProvider(loader.load_service_model(name, "endpoint-rule-set-1"), partitions) for name in SERVICES
}


def expected(service, region, fips, dualstack):
    given = {"Region": region, "UseFIPS": fips, "UseDualStack": dualstack}
    if service == "sts":
        given["UseGlobalEndpoint"] = False
    if service == "s3":
        given["Bucket"] = "a.b"  # has dots: it goes into the path
    try:
        return providers[service].resolve_endpoint(**given).url.removesuffix("/a.b")
    except EndpointProviderError:
        return "none"


rows = list(itertools.product(SERVICES, REGIONS, (False, True), (False, True)))
clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
clean.update(AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null")
answered = subprocess.run(
    [os.environ["KINESSIS"], "lua", "tests/interop/endpoints.lua"],
    input="".join(" ".join(map(str, row)) + "\n" for row in rows),
    env=clean,
    capture_output=True,
    text=True,
)
tap.equal(answered.stderr, "", "asked without complaint")
urls = answered.stdout.splitlines()
tap.equal(len(urls), len(rows), "an answer to each question")
for row, url in zip(rows, urls):
    service, region, fips, dualstack = row
    name = f"{service} in {region}{', FIPS' if fips else ''}{', dual-stack' if dualstack else ''}"
    tap.equal(url, expected(*row), name)
tap.done()
