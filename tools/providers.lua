--- Writes docs/providers.md: kinessis lua tools/providers.lua > docs/providers.md
io.stdout:write(require("kinessis.fake.document").markdown())
