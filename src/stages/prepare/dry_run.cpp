#include "stages/prepare/dry_run.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "core/print.h"
#include "core/strings.h"
#include "core/units.h"
#include "core/words.h"
#include "io/safetensors.h"
#include "model/copy_rate.h"
#include "model/host_memory.h"
#include "model/matmul_rate.h"
#include "model/streaming_plan.h"
#include "model/weights_folder.h"
#include "report/text_table.h"
#include "stages/prepare/shard_kernels.h"

namespace armorm::stages::prepare {
namespace {

constexpr std::size_t kMaxShownIds = 5;
constexpr std::size_t kMaxShownKinds = 10;
constexpr std::size_t kMaxShownTokens = 400;
constexpr int kBarWidth = 40;
// Tokens per pass to plan for an unknown device.
constexpr std::int64_t kPlannedBatchTokens = 16384;
// A frozen decoder reaches about this fraction of the rate of one large matrix product.
constexpr double kReachedFraction = 0.65;
constexpr double kAssumedRate = 1e14;  // FLOP/s, without the device
// On the CPU, of the rate of its kernels in products of the layers' shapes.
constexpr double kReachedByKernels = 0.9;

double percent(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

std::string line(const std::string& name, const std::string& text) {
  constexpr std::size_t kIndent = 11;
  return report::paragraph(fmt::format("{:<10} {}", name, shown_message(text)), kIndent);
}

// "(row ids 3 8 9)"
std::string ids_text(const DryRunPlan& plan, const std::vector<std::int64_t>& rows) {
  std::string ids;
  for (std::size_t i = 0; i < std::min(rows.size(), kMaxShownIds); ++i)
    ids += " " + (plan.row_name ? plan.row_name(rows[i]) : std::to_string(rows[i]));
  return fmt::format("(row ids{}{})", ids, rows.size() > kMaxShownIds ? " ..." : "");
}

// Bad rows of one kind.
struct BadKind {
  std::string example;  // field and reason of the first
  std::vector<std::int64_t> rows;
};

// Reasons that differ only in numbers, such as the row's, are of one kind. Most rows first.
std::vector<BadKind> kinds_of(const std::vector<BadRow>& bad_rows) {
  std::map<std::string, BadKind> kinds;
  for (const BadRow& row : bad_rows) {
    const std::string text = row.field + ": " + row.reason;
    std::string key;
    for (const char c : text)
      if (c < '0' || c > '9') key += c;
    BadKind& kind = kinds[key];
    if (kind.rows.empty()) kind.example = text;
    kind.rows.push_back(row.row_id);
  }
  std::vector<BadKind> order;
  for (auto& [key, kind] : kinds) order.push_back(std::move(kind));
  std::stable_sort(order.begin(), order.end(),
                   [](const BadKind& a, const BadKind& b) { return a.rows.size() > b.rows.size(); });
  return order;
}

std::string bad_rows_text(const DryRunPlan& plan) {
  const std::vector<BadKind> kinds = kinds_of(plan.bad_rows);
  std::string out;
  for (std::size_t i = 0; i < std::min(kinds.size(), kMaxShownKinds); ++i)
    out += line("dropped", fmt::format("{} bad rows {}: {}", kinds[i].rows.size(),
                                       ids_text(plan, kinds[i].rows), kinds[i].example));
  if (kinds.size() > kMaxShownKinds)
    out += line("", fmt::format("and bad rows for {} more reasons", kinds.size() - kMaxShownKinds));
  return out;
}

std::string rows_section(const DryRunPlan& plan) {
  const artifacts::Provenance& p = plan.provenance;
  std::string out =
      line("data set", fmt::format("{}, split {}: {} rows; shard {} of {}: {} rows will be written",
                                   p.dataset, p.split, p.source_rows, p.shard_idx, p.n_shards, p.rows));
  if (!plan.form.empty()) out += line("form", plan.form);
  if (!plan.gating_pattern.empty()) out += line("gate", "at the last " + plan.gating_pattern);
  for (const auto& [reason, rows] : p.dropped) {
    if (!rows.empty())
      out += line("dropped", fmt::format("{} rows: {} {}", rows.size(), reason, ids_text(plan, rows)));
  }
  out += bad_rows_text(plan);
  for (const auto& [what, count] : p.counts)
    if (count > 0) out += line("noted", fmt::format("{} rows: {}", count, what));
  return out;
}

std::string labels_section(const DryRunPlan& plan) {
  if (plan.label_counts.empty()) return "";
  report::TextTable table({"attribute", "labels", "share"});
  for (const std::string& name : plan.provenance.attributes) {
    const std::int64_t count = plan.label_counts.at(name);
    table.add({name, std::to_string(count), fmt::format("{:.1f} %", percent(count, plan.provenance.rows))});
  }
  return "\n" + table.str(report::output_style());
}

std::vector<std::int64_t> lengths_of(std::span<const model::ExtractionRequest> requests) {
  std::vector<std::int64_t> lengths;
  for (const model::ExtractionRequest& request : requests)
    lengths.push_back(static_cast<std::int64_t>(request.tokens.size()));
  return lengths;
}

// What (nearly) all conversations should have in common: their beginning and their end.
std::string edges_section(const text::tokenizer::Tokenizer& tokenizer,
                          std::span<const model::ExtractionRequest> requests) {
  std::map<text::tokenizer::TokenId, std::int64_t> ends;
  std::int64_t wrong_bos = 0;
  const std::optional<text::tokenizer::TokenId> bos = tokenizer.bos_id();
  for (const model::ExtractionRequest& request : requests) {
    ++ends[request.tokens.back()];
    if (bos && std::count(request.tokens.begin(), request.tokens.end(), *bos) != 1) ++wrong_bos;
  }
  std::string out;
  if (bos)
    out += line("BOS", wrong_bos == 0 ? fmt::format("exactly one {} in every sequence",
                                                    tokenizer.id_to_token(*bos).value_or("?"))
                                      : fmt::format("WARNING: {} sequences do not hold exactly one {}",
                                                    wrong_bos, tokenizer.id_to_token(*bos).value_or("?")));
  std::vector<std::pair<std::int64_t, text::tokenizer::TokenId>> order;
  for (const auto& [id, count] : ends) order.emplace_back(count, id);
  std::sort(order.rbegin(), order.rend());
  std::string text;
  for (std::size_t i = 0; i < std::min(order.size(), kMaxShownIds); ++i)
    text += fmt::format("{}{} ({}) {:.1f} %", i == 0 ? "" : ", ",
                        tokenizer.id_to_token(order[i].second).value_or("?"), order[i].second,
                        percent(order[i].first, static_cast<std::int64_t>(requests.size())));
  out += line("last token", text + (order.size() > kMaxShownIds ? ", ..." : ""));
  if (order.size() > 1)
    out += line("",
                "WARNING: sequences end in different tokens; check that the template closes every "
                "conversation alike");
  return out;
}

std::string arithmetic_text(const ExtractionOptions& options) {
  const std::string precision(name_of(options.precision));
  return options.precision == Precision::fp8
             ? fmt::format("{} with {} accumulation", precision, name_of(options.fp8_accumulate))
             : precision;
}

struct Streaming {
  const model::WeightsFolder& files;
  model::StreamingPlan plan;  // limit 0: without --weights_memory
};

std::string memory_line(const model::BackboneOptions& options, const model::ModelConfig& config,
                        const model::WorkEstimate& work, const Streaming& streaming) {
  const auto weights = [&](Precision precision) {
    if (streaming.plan.limit == 0) return bytes_text(model::weight_bytes(config, precision, options.device));
    return bytes_text(precision == options.precision
                          ? streaming.plan.in_memory
                          : model::least_weights_memory(config, precision, streaming.files, options.device));
  };
  // See deviation_from_bf16().
  const std::string second_model = options.precision == Precision::fp8 || options.precision == Precision::int8
                                       ? fmt::format(", plus {} while {} is compared with bf16",
                                                     weights(Precision::bf16), name_of(options.precision))
                                       : "";
  return line(
      "memory",
      fmt::format(
          "{} of weights ({:.4g} million parameters){}, and {} of token ids on the host",
          weights(options.precision), static_cast<double>(model::parameter_count(config)) / 1e6, second_model,
          bytes_text(static_cast<std::uint64_t>(work.input_tokens) * sizeof(text::tokenizer::TokenId))));
}

// At the rate of the chosen kernels, which was measured in the layers' shapes.
std::string cpu_time_line(const ExtractionOptions& options, double rate, double flops) {
  return line("time",
              fmt::format("about {}, at least {} at the {:.3g} GFLOP/s that the kernels {} reach here in "
                          "products of the model's shapes",
                          duration_text(flops / (rate * kReachedByKernels)), duration_text(flops / rate),
                          rate / 1e9, name_of(options.kernels)));
}

// FLOP/s in a large matrix product; nullopt if the device is not here and no rate is given.
std::optional<double> matmul_rate(const ExtractionOptions& extraction,
                                  const model::BackboneOptions& options) {
  if (extraction.assume_tflops > 0) return extraction.assume_tflops * 1e12;
  return model::measure_matmul_rate(options.device, options.precision, options.fp8_accumulate);
}

std::string time_line(const ExtractionOptions& extraction, const std::optional<double>& rate, double flops) {
  if (!rate)
    return line(
        "time",
        fmt::format("no device {} here to measure; {} at 100 TFLOP/s (--assume_tflops gives the rate "
                    "of another device)",
                    static_cast<std::int64_t>(extraction.device), duration_text(flops / kAssumedRate)));
  return line("time", fmt::format("about {}, at least {} at the {:.3g} TFLOP/s that {} in a matrix product",
                                  duration_text(flops / (*rate * kReachedFraction)),
                                  duration_text(flops / *rate), *rate / 1e12,
                                  extraction.assume_tflops > 0 ? "each device is assumed to reach"
                                                               : "this device reaches"));
}

// "0 4 8 12"
std::string staying_text(const model::StreamingPlan& plan) {
  std::string out;
  for (std::size_t i = 0; i < plan.streamed.size(); ++i)
    if (!plan.streamed[i]) out += fmt::format("{}{}", out.empty() ? "" : " ", i);
  return out.empty() ? "none" : out;
}

std::string rate_text(double rate) { return bytes_text(static_cast<std::uint64_t>(rate)); }

// Of the layers that are streamed, on their way to a GPU.
struct Copying {
  int device = 0;
  std::optional<double> measured = {};
  double rate() const { return measured.value_or(model::kAssumedCopyRate); }
};

std::string loading_text(const model::StreamingPlan& plan, const Copying& copying,
                         const model::LoadingRates& rates) {
  const std::string basis = copying.measured
                                ? "measured here"
                                : fmt::format("assumed: no device {} here to measure", copying.device);
  const std::string disk = rates.from_cache ? "the files stay in the system's cache"
                                            : fmt::format("the weights' disk reads {} at {}/s meanwhile",
                                                          bytes_text(plan.read_bytes), rate_text(rates.disk));
  return fmt::format("{}/s ({}), {}", rate_text(copying.rate()), basis, disk);
}

std::string gpu_sweeps_text(const model::StreamingPlan& plan, const model::StreamingForecast& forecast,
                            const Copying& copying, const model::LoadingRates& rates) {
  const std::uint64_t all = plan.copied_bytes * static_cast<std::uint64_t>(forecast.sweeps);
  const char* const loading = model::disk_bounds(plan, rates) ? "reading" : "copying";
  return line("sweeps",
              fmt::format("on each device about {} of {} tokens; each copies {} over PCIe, all copy {}. Rows "
                          "are saved at the end of each sweep",
                          forecast.sweeps, forecast.sweep_tokens, bytes_text(plan.copied_bytes),
                          bytes_text(all))) +
         line("copies", loading_text(plan, copying, rates)) +
         line("bound by",
              fmt::format("{}: a sweep loads its layers for {} and computes for {}; {} in all",
                          forecast.reading_bounds() ? loading : "arithmetic",
                          duration_text(forecast.loading_seconds), duration_text(forecast.sweep_seconds),
                          duration_text(forecast.seconds())));
}

std::string sweeps_text(const model::StreamingPlan& plan, const model::StreamingForecast& forecast,
                        double read_rate) {
  const std::uint64_t all = plan.read_bytes * static_cast<std::uint64_t>(forecast.sweeps);
  return line("sweeps",
              fmt::format("about {} of {} tokens; each reads {}, all read {}. Rows are saved at the "
                          "end of each sweep",
                          forecast.sweeps, forecast.sweep_tokens, bytes_text(plan.read_bytes),
                          bytes_text(all))) +
         line("bound by",
              fmt::format("{}: a sweep reads for {} at {}/s, the rate of the weights' disk, and "
                          "computes for {}; {} in all",
                          forecast.reading_bounds() ? "reading" : "arithmetic",
                          duration_text(forecast.loading_seconds),
                          bytes_text(static_cast<std::uint64_t>(read_rate)),
                          duration_text(forecast.sweep_seconds), duration_text(forecast.seconds())));
}

// Of one device, for its tokens.
std::string forecast_text(const Streaming& streaming, const model::ModelConfig& config, std::int64_t tokens,
                          double arithmetic_seconds, int device) {
  const model::StreamingPlan& plan = streaming.plan;
  model::LoadingRates rates{.disk = model::measure_read_rate(streaming.files)};
  if (device < 0) {
    const auto forecast =
        model::forecast_streaming(plan, model::SweepSize(config), tokens, arithmetic_seconds, rates);
    return sweeps_text(plan, forecast, rates.disk);
  }
  const Copying copying{device, model::measure_copy_rate(device)};
  rates.copying = copying.rate();
  rates.from_cache = plan.read_bytes <= static_cast<std::uint64_t>(model::free_host_memory());
  const auto memory = model::expected_memory(plan, device);
  const model::SweepSize size =
      memory ? model::SweepSize(config, memory->most_tokens(config)) : model::SweepSize(config);
  return gpu_sweeps_text(plan, model::forecast_streaming(plan, size, tokens, arithmetic_seconds, rates),
                         copying, rates);
}

// What --weights_memory does, on each of several devices.
std::string streaming_section(const Streaming& streaming, const model::ModelConfig& config,
                              std::int64_t tokens, double arithmetic_seconds, int device) {
  const model::StreamingPlan& plan = streaming.plan;
  const std::string memory = fmt::format("{} of {}", bytes_text(plan.in_memory), bytes_text(plan.limit));
  if (plan.streamed_count() == 0) return line("layers", fmt::format("all stay in memory ({})", memory));
  return line("layers", fmt::format("{} of {} stay in memory ({}): {}; the others are read in each sweep",
                                    config.num_hidden_layers - plan.streamed_count(),
                                    config.num_hidden_layers, memory, staying_text(plan))) +
         forecast_text(streaming, config, tokens, arithmetic_seconds, device);
}

std::string work_section(const ExtractionOptions& extraction, const model::BackboneOptions& options,
                         const model::ModelConfig& config, const model::WorkEstimate& work,
                         const std::vector<model::KernelRate>& rates, const Streaming& streaming) {
  std::string out = line(
      "tokens", fmt::format("{} of input, {} to compute ({:.1f} % saved by sharing)", work.input_tokens,
                            work.computed_tokens, 100.0 - percent(work.computed_tokens, work.input_tokens)));
  out += line("work", fmt::format("{:.3g} TFLOP", work.flops() / 1e12));
  const bool has_kernels = options.device < 0 && extraction.assume_tflops == 0;
  const double of_kernels = has_kernels ? kernel_rate(rates, config, extraction) : 0.0;
  const std::optional<double> rate = of_kernels > 0.0 ? of_kernels : matmul_rate(extraction, options);
  const std::int64_t devices = std::ssize(extraction.device.indices);
  if (devices > 1) out += line("devices", fmt::format("{}, which share the packs", devices));
  const double flops = work.flops() / static_cast<double>(devices);
  out += of_kernels > 0.0 ? cpu_time_line(extraction, of_kernels, flops) : time_line(extraction, rate, flops);
  out += memory_line(options, config, work, streaming);
  if (streaming.plan.limit == 0) return out;
  const double reached = of_kernels > 0.0 ? kReachedByKernels : kReachedFraction;
  return out + streaming_section(streaming, config, (work.computed_tokens + devices - 1) / devices,
                                 flops / (rate ? *rate * reached : kAssumedRate), options.device);
}

std::string target_section(const DryRunPlan& plan) {
  std::filesystem::path existing = plan.target.parent_path();
  std::error_code error;
  while (!existing.empty() && !std::filesystem::exists(existing, error)) existing = existing.parent_path();
  const auto space = std::filesystem::space(existing.empty() ? "." : existing, error);
  const std::string size = bytes_text(plan.target_bytes);
  std::string out = line("file", fmt::format("{} ({})", plan.target.string(), size));
  if (!error && space.available < plan.target_bytes)
    out += line("", fmt::format("WARNING: only {} are free there", bytes_text(space.available)));
  if (std::filesystem::exists(plan.target, error))
    out += line("", "exists already; a run with other inputs or options would end with an error");
  return out;
}

// "[<|begin_of_text|>]text[<|eot_id|>]": special tokens in brackets, with `marks` (positions) as "<<mark>>"
// before their token.
std::string show_tokens(const text::tokenizer::Tokenizer& tokenizer,
                        std::span<const text::tokenizer::TokenId> tokens,
                        const std::map<std::int64_t, std::string>& marks) {
  std::string out;
  std::vector<text::tokenizer::TokenId> plain;  // a run is decoded at once: a character may be several tokens
  const auto flush = [&] {
    if (!plain.empty()) out += tokenizer.decode(plain);
    plain.clear();
  };
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens.size() > kMaxShownTokens && i == kMaxShownTokens / 2) {
      flush();
      const std::size_t skipped = tokens.size() - kMaxShownTokens;
      out += fmt::format(" ... {} tokens ... ", skipped);
      i += skipped;
    }
    if (const auto mark = marks.find(static_cast<std::int64_t>(i)); mark != marks.end()) {
      flush();
      out.append("<<").append(mark->second).append(">>");
    }
    if (!tokenizer.is_special(tokens[i])) {
      plain.push_back(tokens[i]);
      continue;
    }
    flush();
    out.append("[").append(tokenizer.id_to_token(tokens[i]).value_or("?")).append("]");
  }
  flush();
  return out;
}

std::string sample_section(const text::tokenizer::Tokenizer& tokenizer, const DryRunSample& sample) {
  const auto last = static_cast<std::int64_t>(sample.tokens.size()) - 1;
  std::map<std::int64_t, std::string> marks{{last, "embedding"}};
  if (sample.gating) marks[*sample.gating] = "prompt embedding";
  std::string out = fmt::format("\n{}: {} tokens; special tokens in [ ], places of embeddings in << >>\n",
                                sample.title, sample.tokens.size());
  out += shown_message(show_tokens(tokenizer, sample.tokens, marks), "\n\t") + "\n";
  const auto describe = [&](std::int64_t position) {
    const text::tokenizer::TokenId id = sample.tokens[static_cast<std::size_t>(position)];
    return fmt::format("of token {} of {}: {} ({})\n", position, sample.tokens.size(),
                       shown(tokenizer.id_to_token(id).value_or("?")), id);
  };
  if (sample.gating) out += "prompt embedding " + describe(*sample.gating);
  return out + "embedding        " + describe(last);
}

std::string length_histogram(std::vector<std::int64_t> lengths) {
  if (lengths.empty()) return "";
  std::sort(lengths.begin(), lengths.end());
  const auto quantile = [&](double q) {
    return lengths[static_cast<std::size_t>(q * static_cast<double>(lengths.size() - 1))];
  };
  std::string out =
      line("lengths", fmt::format("min {}, median {}, 90 % {}, 99 % {}, max {} tokens", lengths.front(),
                                  quantile(0.5), quantile(0.9), quantile(0.99), lengths.back()));
  std::vector<std::int64_t> counts;
  std::vector<std::int64_t> limits;  // bins double: (limit / 2, limit]
  auto rest = lengths.begin();
  for (std::int64_t limit = 32; rest != lengths.end(); limit *= 2) {
    const auto end = std::upper_bound(rest, lengths.end(), limit);
    if (end != rest || !counts.empty()) {
      counts.push_back(end - rest);
      limits.push_back(limit);
    }
    rest = end;
  }
  const std::int64_t most = *std::max_element(counts.begin(), counts.end());
  for (std::size_t i = 0; i < counts.size(); ++i)
    out +=
        fmt::format("{:>10} {:>6}-{:<6} {:<{}} {} ({:.1f} %)\n", "", limits[i] == 32 ? 1 : limits[i] / 2 + 1,
                    limits[i], std::string(static_cast<std::size_t>(counts[i] * kBarWidth / most), '#'),
                    kBarWidth, counts[i], percent(counts[i], static_cast<std::int64_t>(lengths.size())));
  return out;
}

}  // namespace

std::uint64_t total_bytes(const std::vector<io::TensorSpec>& tensors) {
  std::uint64_t bytes = 0;
  for (const io::TensorSpec& tensor : tensors) {
    std::uint64_t size = size_of(tensor.dtype);
    for (const std::int64_t n : tensor.shape) size *= static_cast<std::uint64_t>(n);
    bytes += size;
  }
  return bytes;
}

void print_dry_run(const ExtractionOptions& options, const ModelInputs& model, const DryRunPlan& plan) {
  const model::WeightsFolder files = model::WeightsFolder::open(model.folder);
  const text::tokenizer::Tokenizer& tokenizer = model.encoder.tokenizer();
  const std::int64_t batch_tokens = options.batch_tokens > 0 ? options.batch_tokens : kPlannedBatchTokens;
  std::string out = fmt::format("{} --dry_run: nothing was computed or written\n\n", plan.program);
  out += rows_section(plan);
  out += line("model", fmt::format("{}: {}, {} layers, hidden size {}, {}; {} weight {}, {} tensors",
                                   model.name, model.config.model_type, model.config.num_hidden_layers,
                                   model.config.hidden_size, arithmetic_text(options), files.files().size(),
                                   files.files().size() == 1 ? "file" : "files", files.names().size()));
  const model::BackboneOptions backbone = backbone_options(options, model);
  out += work_section(options, backbone, model.config,
                      model::estimate_work(model.config, backbone, plan.requests, batch_tokens),
                      plan.kernel_rates,
                      {files, model::plan_streaming(model.config, options.precision, files,
                                                    backbone.weights_memory, backbone.device)});
  out += target_section(plan);
  out += edges_section(tokenizer, plan.requests);
  out += length_histogram(lengths_of(plan.requests));
  if (!plan.selection.empty()) out += "\n" + plan.selection;
  out += labels_section(plan);
  if (!plan.first_row.empty()) out += "\n" + shown_message(plan.first_row, "\n\t");
  for (const DryRunSample& sample : plan.samples) out += sample_section(tokenizer, sample);
  print(out);
}

}  // namespace armorm::stages::prepare
