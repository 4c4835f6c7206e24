// What the reward server speaks.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "serve/protocol.h"

namespace armorm::serve::protocols {

std::vector<std::unique_ptr<Protocol>> all();  // of those below, in the order of the documentation

// POST /v1/score, of this project: {"rows": [...], "fields": [...]} or one row, or JSON Lines in a body of
// type application/x-ndjson or application/jsonl.
std::unique_ptr<Protocol> score_rows();

// POST /get_reward of OpenRLHF's remote reward models: {"query": [...], "prompts": [...], "labels": [...]} ->
// {"rewards": [...], "scores": [...], "extra_logs": {attribute: [...]}}. Queries are rendered texts.
std::unique_ptr<Protocol> openrlhf();

// POST /slime, for slime's --rm-type remote_rm: {"prompt", "response", "label"} -> a number. A prompt of text
// is a rendered one.
std::unique_ptr<Protocol> slime();

// POST /classify of vLLM ({"input": texts} or {"messages": [...]} -> "probs" with the score) and of SGLang
// ({"text": texts}, in early versions {"conv": conversations} -> "embedding" with the score). Texts are
// rendered.
std::unique_ptr<Protocol> classify(std::string path);
// POST /pooling of vLLM.
std::unique_ptr<Protocol> pooling(std::string path);
// POST /v1/embeddings of SGLang, from which verl reads a reward model's score: {"input": texts}.
std::unique_ptr<Protocol> embeddings(std::string path);

}  // namespace armorm::serve::protocols
