"""Answers to tasks: what was answered, what it was held against, what it earned, and where answers went from there."""

from __future__ import annotations

from schemas.vocabulary.name import Name

RESPONSES = Name("responses", "list<string>", "", "what was answered to a task, thinking and all, in the order asked")
RESPONSE_FINISH = Name("response_finish", "list<string>", "", "why each response ended: stop, length, told, ...")
RESPONSE_BY = Name("response_by", "list<string>", "", "who gave each response: a model, and its weights where told")
RESPONSE_TOKENS = Name("response_tokens", "uint32", "tokens", "completion tokens of all responses, 0 if nobody counts")
TASK_DOMAIN = Name("task_domain", "string", "", "the domain whose verifier graded the responses")
TASK_REFERENCE = Name("task_reference", "string", "", "the answer that the task's source says is right")
TASK_SKILL = Name("task_skill", "string", "", "the skill that the task's source names, else its domain")
REWARDS = Name("rewards", "list<float64>", "", "what each response earns", 0, 1)
GRADES = Name("grades", "list<string>", "", "the reason of each grade: right, wrong, unknown, several_boxes, ...")
EXTRACTED = Name("extracted", "list<string>", "", "the answer that was taken from each response")
ANSWERED = Name("answered", "uint32", "", "responses that were graded")
RIGHT_ANSWERS = Name("right_answers", "uint32", "", "responses that earn all of the reward")
PASS_RATE = Name("pass_rate", "float64", "", "share of the responses that earn all of the reward", 0, 1)
DIFFICULTY = Name("difficulty", "string", "", "very_easy to very_hard, from the pass rate and from people's word")
ANSWER_TASK = Name("answer_task", "string", "", "the key of the task that an answer was taken from")
ANSWER_BY = Name("answer_by", "string", "", "who gave an answer: a model, and its weights where told")
ANSWER_ROUND = Name("answer_round", "uint32", "", "the round of enhancement that an answer came with, 0 the cold start")
