"""What the Quanta article says about grokking, and the claims of our studies that it rests on."""

from flyroom.studies import Statement

QUANTA = "Quanta Magazine 2024, “How Do Machines ‘Grok’ Data?”"

statements = [
    Statement(
        "Q1",
        "A network that adds modulo 97 generalises when it is trained far beyond the point at "
        "which it has memorised.",
        QUANTA,
        ("R2-mem", "R2-gen", "NA1-gen", "PW1"),
    ),
    Statement(
        "Q2",
        "Projected to a plane, the numbers that such a network has learned form a circle.",
        QUANTA,
        ("ZH1-circle", "P2-waves", "P9-perfect"),
    ),
    Statement(
        "Q3",
        "It adds by means of waves: a discrete Fourier transform and trigonometric identities.",
        QUANTA,
        ("NA3-neurons", "NA3-keys", "NA3-logits"),
    ),
    Statement(
        "Q4",
        "Some networks add like a clock and others like a pizza; about 40 % are a kind of either.",
        QUANTA,
        (
            *("ZH1-pizza-GS", "ZH1-pizza-DI", "ZH1-clock-GS", "ZH1-clock-DI"),
            *("ZH6-pizza", "ZH6-clock", "ZH4", "ZH7"),
        ),
    ),
    Statement(
        "Q5",
        "A network that has grokked answers rightly even where its training label was wrong.",
        QUANTA,
        ("GD5-train", "GD5-test", "GD6-train", "GD6-test", "GD6-fixed"),
    ),
    Statement(
        "Q6",
        "Regularisation decides that the general solution wins over the memorised one.",
        QUANTA,
        ("GD3-coexistence", "GD3-partial", "GD3-full", "B5x", "P16-order", "NA6-none"),
    ),
    Statement(
        "Q7",
        "What is sudden outside is gradual inside.",
        QUANTA,
        ("NA2-excluded", "NA2-restricted", "P13-smooth", "P13-sudden", "BA2-movement", "BA2-gap"),
    ),
    Statement(
        "Q8",
        "Memorising is easier to learn, and costs more: the general solution is simpler for the "
        "same performance.",
        QUANTA,
        ("Q8-easier", "Q8-costlier", "VA1-general", "VA1-memory", "VA1-cross"),
    ),
    Statement(
        "Q9",
        "Other tasks and other networks grok as well.",
        QUANTA,
        ("B1-gen", "GD1-time", "ME1-after", "R2-gen", "PW3-order", "P12-order"),
    ),
]
