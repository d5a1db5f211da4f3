# docs/settings.md and docs/credentials.md name every environment variable that the program reads, and every
# setting of a profile and of a script.
set -u
. tests/support/lake.sh
pages=$(ls docs/settings.md docs/credentials.md 2>/dev/null)

named() { # NAME
    # shellcheck disable=SC2086 # a list of files
    grep -qw -- "$1" $pages
}

variables=$(
    grep -rhoE '"(AWS|KINESSIS|DUCKDB)_[A-Z_0-9]*[A-Z0-9]"' src lua --include='*.c' --include='*.lua' | tr -d '"'
    grep -rhoE 'getenv\(?[ ]?"[A-Za-z_]+"' src lua --include='*.c' --include='*.lua' | sed 's/.*"\(.*\)"/\1/'
)
ok "variables are found" test "$(printf '%s\n' $variables | sort -u | wc -l)" -gt 20
for name in $(printf '%s\n' $variables | sort -u); do
    named "$name" || missing="${missing:-} $name"
done
ok "every variable is in the pages" same "${missing:-}" ""

for api in $(sed -n 's/^    {"[a-z0-9]*", "[a-z0-9]*", "[a-z0-9]*", "\([A-Z0-9]*\)".*/\1/p' src/aws/operations.c); do
    services="${services:-} $api"
    grep -qE "AWS_ENDPOINT_URL_$api|\`_$api\`" docs/settings.md || no_service="${no_service:-} $api"
done
ok "the services are found" test "$(printf '%s\n' $services | wc -l)" -gt 4
ok "every service's AWS_ENDPOINT_URL_ is in the page" same "${no_service:-}" ""

settings=$("$KINESSIS" lua tests/e2e/settings.lua)
ok "settings of a script are found" test "$(printf '%s\n' $settings | wc -l)" -gt 12
for name in $settings; do
    named "$name" || unnamed="${unnamed:-} $name"
done
ok "every setting of a script is in the pages" same "${unnamed:-}" ""
rm -rf "$lake_folder"
tap_done
