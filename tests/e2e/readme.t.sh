# The README's scenario is the file that it names, and its commands are the program's.
. tests/support/lake.sh
trap 'rm -rf "$lake_folder"' EXIT

sed -n '/^```lua$/,/^```$/p' README.md | sed '1d; /^```$/,$d' >"$lake_folder/shown"
sed -n '/^local kinessis/,$p' scripts/quickstart.lua >"$lake_folder/real"
ok "the scenario shown is scripts/quickstart.lua" cmp "$lake_folder/shown" "$lake_folder/real"

"$KINESSIS" help | sed -n 's/^  \([a-z]*\) .*/\1/p' | sort >"$lake_folder/commands"
sed -n 's/^| `kinessis \([a-z]*\).*/\1/p' README.md | sort -u >"$lake_folder/listed"
ok "the table of commands has all of them" cmp "$lake_folder/listed" "$lake_folder/commands"

for page in README.md docs/*.md; do
    folder=$(dirname "$page")
    broken=$(grep -o '](\([^)#:]*\)[^):]*)' "$page" | sed 's/^](\([^)#]*\).*/\1/' | while read -r link; do
        [ -e "$folder/$link" ] || echo "$link"
    done)
    ok "the links of $page lead somewhere" same "$broken" ""
done
tap_done
