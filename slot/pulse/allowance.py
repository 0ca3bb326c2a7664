"""How long an engine may stand still with work in hand before that is a wedge.

1. What the profile says: MODEL_SLOT_WEDGE_TIMEOUT_S.
2. Three times what its longest prompts take, all at once, by the measured rate; but at least MIN_S, because
   a first compile of a shape or a full host may hold a step up for as long.
3. Nothing was measured, or the length is the model's own: UNMEASURED_S, twice the 300 s after which vLLM itself
   gives up a step (VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS).
"""

from __future__ import annotations

from slot.profiles.profile import Profile

MIN_S = 120.0
UNMEASURED_S = 600.0
PATIENCE = 3


def allowance_s(profile: Profile) -> float:
    if profile.wedge_timeout_s is not None:
        return profile.wedge_timeout_s  # 1
    rate, length = profile.measured.prefill_tokens_per_s, profile.max_model_len
    if rate is None or length is None:
        return UNMEASURED_S  # 3
    at_once = min(profile.max_num_seqs, profile.max_active_generations)
    return max(MIN_S, PATIENCE * length * at_once / rate)  # 2
