#include "model/rope_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

namespace armorm::model {
namespace {

constexpr const char* kOriginal = "original_max_position_embeddings";
// The parameters of one kind of layers: `rope` is the object that holds them, `outer` the fields beside it.
class ScalingReader {
 public:
  ScalingReader(const ConfigReader& outer, const ConfigReader& rope, double theta, const ModelConfig& config)
      : outer_(outer), rope_(rope), theta_(theta), config_(config) {}

  std::optional<RopeScaling> read() const {
    RopeScaling scaling;
    scaling.rope_type = kind();
    if (scaling.rope_type == "default") return std::nullopt;
    if (scaling.rope_type == "longrope") {
      read_longrope(scaling);
    } else if (scaling.rope_type == "yarn") {
      read_yarn(scaling);
    } else {
      scaling.factor = rope_.positive("factor");
    }
    if (scaling.rope_type == "llama3") read_llama3(scaling);
    if (scaling.rope_type == "dynamic" && config_.rotary_dim < 4)
      outer_.fail("head_dim", std::to_string(config_.head_dim), "at least 4 with dynamic rope scaling");
    return scaling;
  }

 private:
  std::string kind() const {
    const char* field = rope_.has("rope_type") || rope_.is_null("rope_type") ? "rope_type" : "type";
    if (rope_.is_null(field)) rope_.fail(field, "a string, or no such field");
    std::string kind = rope_.string_or("rope_type", rope_.string_or("type", "default"));
    const ArchitectureFacts& facts = config_.facts();
    if (kind == "yarn" && facts.yarn_is_longrope) return "longrope";
    if (std::find(facts.rope_kinds.begin(), facts.rope_kinds.end(), kind) == facts.rope_kinds.end())
      rope_.fail("rope_type", fmt::format("'{}'", kind),
                 fmt::format("one of {}", fmt::join(facts.rope_kinds, ", ")));
    return kind;
  }

  // A length beside rope_scaling comes before the one within, as in transformers.
  std::int64_t original_positions() const {
    const ArchitectureFacts& facts = config_.facts();
    const std::int64_t within = rope_.size_or(kOriginal, kMaxPositions, config_.max_position_embeddings);
    if (facts.rope_by_kind_of_layer) return within;
    if (outer_.is_null(kOriginal)) outer_.fail(kOriginal, "an integer, or no such field");
    return outer_.size_or(kOriginal, kMaxPositions,
                          facts.original_positions > 0 ? facts.original_positions : within);
  }

  // How many times longer than the original the model's sequences can be.
  double stretch(std::int64_t original) const {
    return static_cast<double>(config_.max_position_embeddings) / static_cast<double>(original);
  }

  void read_llama3(RopeScaling& scaling) const {
    scaling.low_freq_factor = rope_.positive("low_freq_factor");
    scaling.high_freq_factor = rope_.positive("high_freq_factor");
    if (scaling.high_freq_factor <= scaling.low_freq_factor) {
      rope_.fail("high_freq_factor", fmt::format("{}", scaling.high_freq_factor),
                 fmt::format("more than low_freq_factor = {}", scaling.low_freq_factor));
    }
    scaling.original_max_position_embeddings = original_positions();
  }

  // Of cosines and sines; `mscale` as in the YaRN paper.
  double yarn_attention(double factor) const {
    const auto magnitude = [&](double mscale) {
      return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
    };
    const double mscale = rope_.number_or("mscale", 0.0);
    const double of_all = rope_.number_or("mscale_all_dim", 0.0);
    if (rope_.has("attention_factor")) return rope_.number_or("attention_factor", 1.0);
    return mscale != 0.0 && of_all != 0.0 ? magnitude(mscale) / magnitude(of_all) : magnitude(1.0);
  }

  void read_yarn(RopeScaling& scaling) const {
    if (theta_ == 1.0) rope_.fail("rope_theta", "1", "another base, as yarn divides by its logarithm");
    scaling.original_max_position_embeddings = original_positions();
    scaling.factor = rope_.is_null("factor") ? stretch(scaling.original_max_position_embeddings)
                                             : rope_.positive("factor");
    scaling.attention_factor = yarn_attention(scaling.factor);
    const auto beta = [&](const char* field, double fallback) {  // 0 counts as absent
      return rope_.number_or(field, 0.0) == 0.0 ? fallback : rope_.positive(field);
    };
    scaling.beta_fast = beta("beta_fast", 32.0);
    scaling.beta_slow = beta("beta_slow", 1.0);
    // transformers looks for it beside the kinds of layers, where it is not.
    if (!config_.facts().rope_by_kind_of_layer)
      scaling.truncate = !rope_.is_null("truncate") && rope_.boolean_or("truncate", true);
  }

  std::vector<double> factors(const char* field) const {
    std::vector<double> values = rope_.positives(field);
    if (std::ssize(values) != config_.rotary_dim / 2)
      rope_.fail(field, fmt::format("{} numbers", values.size()),
                 fmt::format("{}, one for each pair of the {} rotated elements of a head",
                             config_.rotary_dim / 2, config_.rotary_dim));
    return values;
  }

  void read_longrope(RopeScaling& scaling) const {
    scaling.short_factor = factors("short_factor");
    scaling.long_factor = factors("long_factor");
    const std::int64_t original = original_positions();
    scaling.original_max_position_embeddings = original;
    scaling.factor = rope_.positive_or("factor", stretch(original));
    if (rope_.has("attention_factor")) {
      scaling.attention_factor = rope_.number_or("attention_factor", 1.0);
    } else if (scaling.factor > 1.0) {
      if (original < 2) rope_.fail(kOriginal, std::to_string(original), "at least 2 with longrope");
      scaling.attention_factor =
          std::sqrt(1.0 + std::log(scaling.factor) / std::log(static_cast<double>(original)));
    }
  }

  const ConfigReader& outer_;
  const ConfigReader& rope_;
  double theta_;
  const ModelConfig& config_;
};

void check_complete_heads(const ConfigReader& reader) {
  if (reader.number_or("partial_rotary_factor", 1.0) != 1.0 || reader.is_null("partial_rotary_factor"))
    reader.fail("partial_rotary_factor", "1, as only complete heads are rotated here");
}

// Older folders hold rope_theta and rope_scaling (with its kind under "type" or "rope_type"); newer ones hold
// both in rope_parameters. Where both are given, transformers uses rope_scaling alone, unless it is null or
// empty.
std::optional<ConfigReader> rope_parameters(const ConfigReader& reader) {
  std::optional<ConfigReader> found;
  if (reader.has("rope_parameters")) found = reader.object("rope_parameters");
  if (!reader.has("rope_scaling")) return found;
  ConfigReader scaling = reader.object("rope_scaling");
  if (scaling.empty()) return found;
  if (found && !found->empty()) reader.warn("rope_parameters", "is not used, as rope_scaling is given");
  return scaling;
}

// Of the parameters, or of the field beside them.
double theta_of(const ConfigReader& reader, const std::optional<ConfigReader>& rope, const char* beside,
                double fallback) {
  const double theta = reader.positive_or(beside, fallback);
  if (rope && rope->is_null("rope_theta")) rope->fail("rope_theta", "a number, or no such field");
  if (rope && rope->has("rope_theta")) return rope->positive("rope_theta");
  if (reader.is_null(beside)) reader.fail(beside, "a number, or no such field");
  return theta;
}

std::optional<RopeScaling> scaling_of(const ConfigReader& reader, const ConfigReader& rope, double theta,
                                      const ModelConfig& c) {
  if (!c.facts().rotates_partially) check_complete_heads(rope);
  std::optional<RopeScaling> scaling = ScalingReader(reader, rope, theta, c).read();
  rope.warn_of_rest("they are not used; check them");
  return scaling;
}

// transformers writes the field in both places, and reads that among the parameters.
void check_beside(const ConfigReader& reader, const ConfigReader& rope, const char* field) {
  const double beside = reader.positive(field);
  if (beside != rope.positive(field))
    reader.warn(field, fmt::format("{:g} is not used, as rope_parameters has another", beside));
}

// The elements of a head that are rotated, by a field among the parameters or beside them.
void read_rotary_dim(const ConfigReader& reader, const std::optional<ConfigReader>& rope, ModelConfig& c) {
  c.rotary_dim = c.head_dim;
  if (!c.facts().rotates_partially) return check_complete_heads(reader);
  constexpr const char* kField = "partial_rotary_factor";
  const bool is_inner = rope && rope->has(kField);
  if (is_inner && reader.has(kField)) check_beside(reader, *rope, kField);
  const ConfigReader& place = is_inner ? *rope : reader;
  const double fraction = place.positive_or(kField, 1.0);
  c.rotary_dim = static_cast<std::int64_t>(static_cast<double>(c.head_dim) * std::min(fraction, 2.0));
  if (fraction > 1.0 || c.rotary_dim < 2 || c.rotary_dim % 2 != 0)
    place.fail(kField, fmt::format("{}", fraction),
               fmt::format("at most 1, with an even number of the {} elements of a head", c.head_dim));
}

void read_one_rope(const ConfigReader& reader, ModelConfig& c) {
  const std::optional<ConfigReader> rope = rope_parameters(reader);
  read_rotary_dim(reader, rope, c);
  c.rope_theta = theta_of(reader, rope, "rope_theta", 10000.0);
  if (!rope) return;
  for (const char* nested : {"full_attention", "sliding_attention"})
    if (rope->has(nested)) rope->fail(nested, "parameters for one kind of layer", "the same for all layers");
  c.rope_scaling = scaling_of(reader, *rope, c.rope_theta, c);
}

// The parameters of layers without a window, as transformers joins them.
std::optional<ConfigReader> full_parameters(const ConfigReader& reader,
                                            const std::optional<ConfigReader>& kinds) {
  std::optional<ConfigReader> full;
  if (kinds && kinds->has("full_attention")) full = kinds->object("full_attention");
  if (!reader.has("rope_scaling")) return full;
  const ConfigReader scaling = reader.object("rope_scaling");
  if (kinds && !full)
    reader.fail("rope_scaling", "parameters next to rope_parameters without full_attention",
                "only one of the two fields");
  // Without rope_parameters the kind is only taken from rope_type, not from type.
  return full ? full->updated_by(scaling, "rope_scaling") : scaling.with_default("rope_type", "default");
}

// Older folders hold the bases in two fields and rope_scaling for layers without a window; newer ones hold
// the parameters of each kind of layer in rope_parameters.
void read_rope_by_kind(const ConfigReader& reader, ModelConfig& c) {
  read_rotary_dim(reader, std::nullopt, c);
  std::optional<ConfigReader> kinds;
  if (reader.has("rope_parameters")) kinds = reader.object("rope_parameters");
  const std::optional<ConfigReader> full = full_parameters(reader, kinds);
  std::optional<ConfigReader> sliding;
  if (kinds && kinds->has("sliding_attention")) sliding = kinds->object("sliding_attention");
  if (kinds) kinds->warn_of_rest("they are of no kind of layer and not used; check them");
  c.rope_theta = theta_of(reader, full, "rope_theta", 1e6);
  RopeParameters of_windows{.theta = theta_of(reader, sliding, "rope_local_base_freq", 1e4), .scaling = {}};
  if (full) c.rope_scaling = scaling_of(reader, *full, c.rope_theta, c);
  if (sliding) of_windows.scaling = scaling_of(reader, *sliding, of_windows.theta, c);
  c.sliding_rope = std::move(of_windows);
}

}  // namespace

void read_rope(const ConfigReader& reader, ModelConfig& config) {
  if (config.facts().rope_by_kind_of_layer)
    read_rope_by_kind(reader, config);
  else
    read_one_rope(reader, config);
}

}  // namespace armorm::model
