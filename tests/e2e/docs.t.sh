# docs/lake.md names every operation that the lake serves, and the README every command.
set -u
. tests/support/lake.sh

operations=$(sed -n 's/^    {"\([A-Z][A-Za-z]*\)", [a-z_]*, .*},\{0,1\}.*/\1/p' src/lake/*.c src/lake/*/*.c | sort -u)
ok "the operation tables are found" test "$(printf '%s\n' $operations | wc -l)" -gt 60
for operation in $operations; do
    grep -qw "$operation" docs/lake.md || missing="${missing:-} $operation"
done
ok "docs/lake.md names every operation" same "${missing:-}" ""

commands=$("$KINESSIS" help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
ok "the commands are found" test "$(printf '%s\n' $commands | wc -l)" -gt 6
for command in $commands; do
    grep -q "^| .kinessis $command" README.md || unnamed="${unnamed:-} $command"
done
ok "the README names every command" same "${unnamed:-}" ""
rm -rf "$lake_folder"
tap_done
