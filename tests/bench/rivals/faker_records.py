"""The quickstart's record with Python's Faker, as JSON lines.

python3 faker_records.py RECORDS [--shared]

Without --shared each record makes a Faker of its own, as many a tutorial does.
"""

import datetime
import json
import random
import sys

from faker import Faker


def record(fake):
    return {
        "uuid": fake.uuid4(),
        "event_date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds"),
        "status": random.choice(["Active", "Inactive", "Canceled"]),
        "name": fake.first_name(),
        "last_name": fake.last_name(),
        "email": fake.email(),
        "phone": random.randint(900000000, 999999999),
    }


shared = Faker() if "--shared" in sys.argv else None
for _ in range(int(sys.argv[1])):
    print(json.dumps(record(shared or Faker())))
