// The quickstart's record with @faker-js/faker: node faker.mjs RECORDS writes them as JSON lines.
// Modules are found through NODE_PATH.
import { createRequire } from "node:module";
import { writeSync } from "node:fs";

const { faker } = createRequire(`${process.env.NODE_PATH}/`)("@faker-js/faker");
const states = ["Active", "Inactive", "Canceled"];
let block = "";
for (let i = 0; i < Number(process.argv[2]); i++) {
  block += `${JSON.stringify({
    uuid: faker.string.uuid(),
    event_date: new Date().toISOString(),
    status: faker.helpers.arrayElement(states),
    name: faker.person.firstName(),
    last_name: faker.person.lastName(),
    email: faker.internet.email(),
    phone: faker.number.int({ min: 900000000, max: 999999999 }),
  })}\n`;
  if (block.length > 1 << 20) {
    writeSync(1, block);
    block = "";
  }
}
writeSync(1, block);
