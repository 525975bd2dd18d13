"""Rollouts: what a step of reinforcement learning was answered, what it paid, and whether it learnt from that."""

from __future__ import annotations

from schemas.vocabulary.name import Name

ROLLOUT_RUN = Name("rollout_run", "string", "", "the run of reinforcement learning whose rollouts these are")
ROLLOUT_STEP = Name("rollout_step", "uint32", "", "the step of reinforcement learning whose rollouts these are")
ROLLOUT_REWARD = Name("rollout_reward", "float64", "", "mean of what a step paid the answers to a task")
ROLLOUT_REWARDS = Name("rollout_rewards", "list<float64>", "", "what a step paid each answer, penalties and all")
REWARD_PARTS = Name("reward_parts", "list<string>", "", "what each function of the reward said: verifier 1 format -0.5")
ROLLOUT_PAID = Name(
    "rollout_paid", "list<string>", "", "paid, paid_in_part, not_paid, fined or not_graded, of each answer"
)
ROLLOUT_ADVANTAGES = Name("rollout_advantages", "list<float64>", "", "how far each answer's pay stands off its group's")
ROLLOUT_LEARNT = Name("rollout_learnt", "bool", "", "whether the step learnt from these answers")
ROLLOUT_TOKENS = Name("rollout_tokens", "list<uint32>", "tokens", "tokens of each answer, those put in among them")
ROLLOUT_PUT_IN = Name("rollout_put_in", "list<uint32>", "tokens", "tokens put into each answer to end its thinking")
ROLLOUT_WEIGHTS = Name("rollout_weights", "list<string>", "", "the version of the weights that said each answer")
