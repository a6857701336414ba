"""Learns from feedback what messages want, on the vectors of a frozen encoder."""

from aimass_stream.learners import Head

intent_head = Head(
    "intent-head",
    (
        "refund",
        "delivery_status",
        "cancel_order",
        "change_address",
        "complaint",
        "payment_problem",
        "praise",
        "other",
    ),
    dimensions=96,
    block_rows=1,
)
