// Mutations: inputs with one entry added or changed, and what the reference software makes of them
// (scripts/mutate). A reader must compute the same, or name the entry in an error or a warning.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace armorm::test {

// What a reader makes of one input.
struct Outcome {
  nlohmann::json value;            // null after an error
  std::string error;               // the message; empty without an error
  bool is_internal = false;        // an error that is no armorm::Error, or one of kind internal
  std::vector<std::string> log{};  // warnings
};

// A case is an object with these members:
//   reader     labelled, preference, score, config, texts, tensors, shards or tokenizer
//   files      path -> text, {"hex": bytes} or {"golden": path in tests/goldens}, the latter
//              perhaps with a JSON "patch"
//   read       what the reader needs beside the files
//   names      an error or a warning with one of these names the entry
//   account    whether the entry must be named even if no number depends on it
//   expected   the values that the reference computes, in the views that it has of the input; empty = it
//              refuses the input
//   without    the value without the entry
//   harmless   whether no number depends on the entry's value: then a value that only the reference refuses
//              may be passed over
Outcome outcome_of(const nlohmann::json& mutation);

enum class Verdict {
  equal,    // the reference's value
  warned,   // another value, or an entry without effect, and a warning that names the entry
  refused,  // an error that names the entry
  both,     // an error that does not, where the reference has one too
  lenient,  // a value where the reference has an error, not for an entry that is passed over
  unnamed,  // an error that does not name the entry, where the reference computes a value
  silent,   // a wrong value, or an entry that must be named and is not
  broken    // an internal error
};
constexpr int kVerdicts = 8;
std::string_view name_of(Verdict verdict);
constexpr bool is_fault(Verdict verdict) { return verdict >= Verdict::unnamed; }

Verdict judge(const nlohmann::json& mutation, const Outcome& outcome);

}  // namespace armorm::test
