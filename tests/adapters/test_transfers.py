"""Batches on their way to a device: rows are stacked without being turned in memory."""

import numpy as np
import pytest
import torch

from aimass_stream.adapters.transfers import Transfers


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_rows_are_stacked_in_the_order_in_which_they_lie(axes: tuple[int, int, int]) -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3), np.uint8)
    rows = [one.transpose(axes) for one in drawn]
    rows[0].flags.writeable = False
    stacked = Transfers(torch.device("cpu")).send_rows(rows)
    np.testing.assert_array_equal(stacked.numpy(), np.stack(rows))
    assert stacked.stride()[1:] == rows[0].strides
