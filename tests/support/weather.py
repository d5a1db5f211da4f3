"""What requests meet in a storm (storm.py), by a seed: which faults, how often, when the clock is wrong and the key expires.

What a request meets follows from the seed, what is in it, and how often it was tried, so that the same seed makes
much the same weather whatever the threads do."""

import hashlib
import random

import faults

# What may happen to a request, by name: functions of (dice, request).
QUIET = {  # nothing was acted upon
    "throttle": lambda dice, r: faults.refusal(dice.choice(["LimitExceededException", "ThrottlingException"])),
    "429": lambda dice, r: faults.refusal("TooManyRequestsException", 429),
    "500": lambda dice, r: faults.refusal("InternalFailure", 500),
    "502": lambda dice, r: faults.page(502),
    "503": lambda dice, r: faults.refusal("ServiceUnavailableException", 503),
    "500 binary": lambda dice, r: faults.Fault("500 binary", status=500, body=dice.randbytes(80)),
    "504": lambda dice, r: faults.page(504),
    "reset before": lambda dice, r: faults.RESET(),
    "close before": lambda dice, r: faults.CLOSE(),
    "stall": lambda dice, r: faults.RESET(wait=dice.uniform(0.05, 0.4)),
}
BLIND = {  # it was, and nobody is told
    "reset after": lambda dice, r: faults.ACCEPT_AND_RESET(),
    "close after": lambda dice, r: faults.ACCEPT_AND_CLOSE(),
    "stall after": lambda dice, r: faults.ACCEPT_AND_RESET(late=dice.uniform(0.05, 0.4)),
    "500 after": lambda dice, r: faults.refusal("InternalFailure", 500, "500 after", acted=True),
    "503 after": lambda dice, r: faults.page(503, name="503 after", acted=True),
    "cut": lambda dice, r: faults.Fault("cut", acted=True, keep=dice.random(), end=dice.choice(["close", "reset"])),
}
SLOW = {  # it was, and is told
    "late": lambda dice, r: faults.Fault("late", wait=dice.uniform(0, 0.1), late=dice.uniform(0, 0.1)),
    "then closed": lambda dice, r: faults.Fault("then closed", end="close"),
    "without length": lambda dice, r: faults.Fault("without length", bare=True),
}
CONNECTION = ("reset before", "close before", "stall", "reset after", "close after", "stall after", "cut")
RECORD_CODES = {
    "PutRecords": ["ProvisionedThroughputExceededException", "InternalFailure", "KMSThrottlingException"],
    "PutRecordBatch": ["ServiceUnavailableException", "InternalFailure"],
}
FATAL = {
    "no stream": lambda dice, r: faults.refusal("ResourceNotFoundException"),
    "denied": lambda dice, r: faults.refusal("AccessDeniedException"),
    "expired": lambda dice, r: faults.refusal("ExpiredTokenException"),
    "garbage": lambda dice, r: faults.Fault("garbage", acted=dice.random() < 0.5, raw=b"\0\1\2 what?\r\n\r\n", end="close"),
    "half without length": lambda dice, r: faults.Fault("half without length", acted=True, bare=True, keep=0.8),
}


class Weather:
    """What requests meet. Called by the fault server, under its lock."""

    def __init__(self, seed, dice, kind):
        self.seed, self.kind = seed, kind
        self.p = dice.choice([0, 0.1, 0.25, 0.5])
        self.p_record = dice.choice([0, 0, 0.03, 0.15])
        names = [*QUIET, *BLIND, *SLOW]
        self.names = dice.sample(names, dice.randint(1, len(names)))
        self.mercy = dice.choice([1, 2]) if kind != "limited" else 99
        self.fatal = dice.choice(list(FATAL)) if kind == "fatal" else None
        self.fatal_at = dice.randint(0, 15)
        self.permanent = kind == "limited" and dice.random() < 0.4
        self.silence_at = {True: 0, False: None}[dice.random() < 1 / 40]
        if dice.random() < 1 / 200:
            self.silence_at = dice.randint(1, 10)
        self.silence_acts = dice.random() < 0.5
        self.skew = dice.choice([-7200, -400, 400, 3600, 86400 * 30]) if dice.random() < 0.15 else 0
        self.skew_at = dice.choice([0, 5])
        self.skew_code = dice.choice(["RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidSignatureException"])
        self.expire_at = dice.randint(0, 12) if dice.random() < 0.15 and kind != "fatal" else None
        self.expired_code = dice.choice(["ExpiredTokenException", "UnrecognizedClientException"])
        self.gone_at = dice.randint(3, 20) if kind == "limited" and dice.random() < 0.15 else None
        self.sends = {}

    def begin(self, server):
        self.server = server
        server.resets = 1 if "reset before" in self.names else 0
        server.skew_code, server.expired_code = self.skew_code, self.expired_code
        if self.skew_at == 0:
            server.skew = self.skew

    def calm(self):
        self.server.decide = lambda request: None
        self.server.expired.clear()

    def __call__(self, request):
        number = request.number
        if self.skew and number >= self.skew_at:
            self.server.skew = self.skew
        if number == self.expire_at:
            self.server.expired.add(request.signer)
        if number == self.gone_at:
            self.server.close()
        if number == self.silence_at:
            return (faults.ACCEPT_AND_SILENCE if self.silence_acts else faults.SILENCE)()
        if self.fatal and number >= self.fatal_at and (self.fatal != "garbage" or number == self.fatal_at):
            return FATAL[self.fatal](random.Random(f"{self.seed} {number}"), request)
        return self.request_fault(request) or self.record_faults(request)

    def request_fault(self, request):
        dice = random.Random(f"{self.seed} {request.attempt} {hashlib.md5(request.body).hexdigest()}")
        if request.attempt >= self.mercy or dice.random() >= self.p:
            return None
        name = dice.choice(self.names)
        for faults_of in (QUIET, BLIND, SLOW):
            if name in faults_of:
                return faults_of[name](dice, request)

    def record_faults(self, request):
        refuse = {}
        for i, entry in enumerate(request.entries):
            sends = self.sends[request.stream, entry[0]] = self.sends.get((request.stream, entry[0]), -1) + 1
            dice = random.Random(f"{self.seed} {request.stream} {sends} {entry[0]}")
            if self.permanent and request.operation == "PutRecords" and dice.random() < 0.02:
                refuse[i] = "KMSAccessDeniedException"
            elif self.p_record and (sends < 3 or self.kind == "limited") and dice.random() < self.p_record:
                refuse[i] = dice.choice(RECORD_CODES[request.operation])
        return faults.Fault("records", refuse=refuse) if refuse else None
