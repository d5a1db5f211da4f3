# The committed columns of the Terraform stack are those of the quickstart's schema, and the stack is formatted.
set -u
. tests/support/lake.sh

"$KINESSIS" schema tfvars scripts/quickstart.lua >"$lake_folder/columns.json"
ok "terraform/columns.auto.tfvars.json follows from scripts/quickstart.lua" \
    diff terraform/columns.auto.tfvars.json "$lake_folder/columns.json"
ok "its columns are JSON" jq -e '.columns | length > 0' terraform/columns.auto.tfvars.json
if command -v terraform >/dev/null; then
    ok "terraform fmt -check" env TF_CLI_CONFIG_FILE=/dev/null terraform fmt -check -diff terraform
fi
rm -rf "$lake_folder"
tap_done
