#include "stages/prepare/shard_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/phase.h"
#include "core/print.h"
#include "core/progress.h"
#include "core/stop_point.h"
#include "core/strings.h"
#include "io/file_watch.h"
#include "model/streaming_plan.h"
#include "model/weights_folder.h"
#include "stages/artifacts/weights_fingerprint.h"
#include "stages/prepare/finished_shard.h"
#include "stages/prepare/shard_accumulate.h"
#include "stages/prepare/shard_kernels.h"
#include "stages/prepare/shard_key.h"
#include "stages/resume/resume_key.h"
#include "stages/resume/run_lock.h"

namespace armorm::stages::prepare {
namespace fs = std::filesystem;
namespace {

template <class T>
void update(Sha256& hash, std::span<const T> values) {
  const std::uint64_t size = values.size();
  hash.update(std::as_bytes(std::span(&size, 1)));
  hash.update(std::as_bytes(values));
}

std::string content_digest(const ShardJob& job) {
  Sha256 hash;
  update(hash, std::span<const std::int64_t>(job.row_ids));
  Phase phase("fingerprint of the token ids", std::ssize(job.requests), "sequences");
  for (const model::ExtractionRequest& request : job.requests) {
    phase.advance();
    update(hash, request.tokens);
    update(hash, std::span<const std::int64_t>(request.wanted));
  }
  for (const resume::KnownTensor& known : job.tensors.known)
    update(hash, std::span<const std::byte>(known.bytes));
  return hash.hex();
}

// After rounding to the stored type.
bool all_finite(MatrixView<const float> rows) {
  for (std::int64_t r = 0; r < rows.rows; ++r)
    for (const float value : rows.row(r))
      if (!std::isfinite(BFloat16::from_float(value).to_float())) return false;
  return true;
}

io::Metadata metadata_of(const artifacts::Provenance& provenance, const resume::ResumeKey& key) {
  io::Metadata metadata = provenance.to_metadata();
  record_key(key, metadata);
  return metadata;
}

class ShardRun {
 public:
  ShardRun(ShardJob& job, const ShardContext& context)
      : job_(job),
        extraction_(context.extraction),
        model_(context.model),
        bad_rows_(context.bad_rows),
        environment_(context.environment),
        provenance_(job.provenance) {
    bad_rows_.describe(provenance_);
    model_files_ = model::WeightsFolder::open(model_.folder).watch();
    provenance_.facts.weights = artifacts::weights_fingerprint(model_.folder);
    key_ = make_resume_key(context.options, extraction_, provenance_, content_digest(job));
    provenance_.data_sha256 = job.data_digest();  // the key has the rows instead
    job_.tensors.tokens = 0;
    for (std::size_t i = 0; i < job_.requests.size(); ++i) job_.tensors.tokens += length_of(i);
  }

  void run() {
    if (is_finished_and_read_only()) return report_complete();
    io::make_folders(environment_.files, io::folder_of(job_.target));
    lock_.emplace(job_.target.string() + ".lock", environment_.files);
    if (is_finished()) return leave_complete();
    discard_other_inputs();
    resume::check_resumable(job_.target, key_);
    load();
    check_same_kernels(job_.target, extraction_);
    check_same_accumulate(job_.target, extraction_);
    resume::DurableRows rows(job_.target, job_.tensors, metadata_of(provenance_, key_), key_,
                             extraction_.checkpoint_seconds, environment_.files);
    const model::ExtractionStats stats = extract(rows);
    backbones_.clear();
    retry_non_finite(rows);
    const std::set<std::int64_t> dropped = drop_non_finite(rows);
    lock_->check_now();
    bad_rows_.publish();
    if (rows.non_finite().empty()) {
      rows.publish();
    } else {
      rows.publish_without(dropped, metadata_of(provenance_, key_));
    }
    print_summary(job_.program, provenance_, stats, job_.target);
  }

 private:
  bool is_finished() const {
    return !extraction_.restart && keeps_finished(job_.target, provenance_, key_, extraction_.verify);
  }

  // No lock can be made there, and none is needed.
  bool is_finished_and_read_only() const {
    const fs::path folder = io::folder_of(job_.target);
    return fs::is_directory(folder) && !io::is_writable(folder) && is_finished();
  }

  // The process that made it may have died between the rename and the following steps.
  void leave_complete() {
    io::sync_folder(environment_.files, io::folder_of(job_.target));
    discard_leftovers();
    report_complete();
  }

  void report_complete() const {
    print(fmt::format(
        "{}: shard {} of {}: complete already, made from the same inputs; nothing to do (--restart "
        "makes it again)\n  {}\n",
        job_.program, provenance_.shard_idx, provenance_.n_shards,
        shown(job_.target.string(), kMaxShownPath)));
  }

  // Only the leftovers of these inputs. A run with other inputs may have begun since and must be left to its
  // owner.
  void discard_leftovers() {
    const auto journal = resume::read_journal(resume::journal_path(job_.target));
    if (!journal || journal->key == key_)
      return resume::DurableRows::discard(job_.target, environment_.files);
    log::warn(
        "{}: an interrupted run that differs from this one in {} is kept; its own command with --restart "
        "resumes it and replaces the shard, this command with --restart deletes it",
        resume::journal_path(job_.target).string(), resume::differences_of(journal->key, key_));
  }

  void discard_other_inputs() {
    if (!extraction_.restart) return;
    const auto journal = resume::read_journal(resume::journal_path(job_.target));
    if (!journal || journal->key != key_) resume::DurableRows::discard(job_.target, environment_.files);
  }

  // Loads before a file is created, so that a failure to load leaves nothing behind.
  void load() {
    if (environment_.stopping())
      fail_interrupted("{}: asked to stop before the first row", job_.target.string());
    if (job_.loading.empty()) job_.loading = load_backbones(extraction_, model_);
    std::vector<std::string> devices;
    for (std::future<model::Backbone>& loading : std::exchange(job_.loading, {})) {
      backbones_.push_back(loading.get());
      devices.push_back(backbones_.back().device_name());
    }
    model_files_.check_content();
    log::info("model {} on {}", model_.name, fmt::join(devices, ", "));
    std::vector<std::span<const text::tokenizer::TokenId>> sequences;
    for (const model::ExtractionRequest& request : job_.requests) sequences.push_back(request.tokens);
    record_deviation(extraction_, model_, backbones_.front(), sequences, provenance_);
  }

  model::ExtractionStats extract(resume::DurableRows& rows) {
    const auto total = static_cast<std::int64_t>(job_.requests.size());
    if (rows.requests_done() > 0)
      log::info("resuming an interrupted run: {} of {} sequences are done", rows.requests_done(), total);
    if (rows.requests_done() == total) return {};
    const SavingWork saving;
    Progress progress(job_.program, total - rows.requests_done());
    std::int64_t tokens = 0;
    const model::ExtractionCursor start = rows.cursor();
    std::vector<const model::Backbone*> devices;
    for (const model::Backbone& backbone : backbones_) devices.push_back(&backbone);
    model::Extractor extractor(std::move(devices), {.batch_tokens = extraction_.batch_tokens});
    model::ExtractionStats stats;
    complete_or_stop([&] {
      stats = extractor.run(
          job_.requests,
          [&](std::size_t request, MatrixView<const float> values) {
            take(request, values, rows);
            tokens += length_of(request);
            progress.advance(1, length_of(request));
          },
          start,
          [&](const model::ExtractionCursor& after) {
            lock_->check();
            check_mapped_model();
            rows.after_pass(after);
            return !environment_.stopping();
          });
    });
    rows.checkpoint();
    if (rows.requests_done() < total)
      fail_interrupted("{}: asked to stop; {} of {} sequences are safe, the same command resumes",
                       job_.target.string(), rows.requests_done(), total);
    stats.input_tokens = tokens;
    return stats;
  }

  // On a CPU the passes can read the weights from the files, which are mapped. Rows of a changed model must
  // not become durable.
  void check_mapped_model() const {
    if (extraction_.device < 0) model_files_.check_content();
  }

  // A stop in the middle of a pass leaves the rows of those before it; the caller saves them.
  static void complete_or_stop(const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::interrupted) throw;
    }
  }

  void take(std::size_t request, MatrixView<const float> values, resume::DurableRows& rows) {
    if (!all_finite(values)) return rows.finish_non_finite(request, length_of(request));
    job_.store(request, values, rows);
    rows.finish_request(length_of(request));
  }

  std::int64_t length_of(std::size_t request) const {
    return static_cast<std::int64_t>(job_.requests[request].tokens.size());
  }

  std::int64_t row_id_of(std::size_t request) const { return job_.row_ids[request / job_.requests_per_row]; }

  // One request at a time, so that the result does not depend on the others. The outcome is as durable as the
  // rows.
  void retry_non_finite(resume::DurableRows& rows) {
    for (const std::int64_t request : rows.still_non_finite()) reject(request, rows);
    std::vector<std::int64_t> left;
    for (const std::int64_t request : rows.non_finite())
      if (!rows.recomputed().contains(request) && !rows.still_non_finite().contains(request))
        left.push_back(request);
    if (left.empty()) return;
    stop_if_asked(rows, left.size());
    const SavingWork saving;
    if (extraction_.precision == Precision::fp32) return reject_all(left, rows);
    log::warn("{} sequences have embeddings that are not finite; computing them again in float32",
              left.size());
    recompute(left, rows);
    rows.checkpoint();
  }

  void reject_all(const std::vector<std::int64_t>& requests, resume::DurableRows& rows) {
    for (const std::int64_t request : requests) {
      rows.finish_again(request, false);
      reject(request, rows);
    }
    rows.checkpoint();
  }

  void recompute(const std::vector<std::int64_t>& requests, resume::DurableRows& rows) {
    ExtractionOptions exact = extraction_;
    exact.precision = Precision::fp32;
    model::BackboneOptions options = backbone_options(exact, model_);
    options.loaded_before = true;
    // float32 takes more, and on a GPU the first model has its memory still.
    if (options.weights_memory && (*options.weights_memory > 0 || options.device >= 0)) {
      const std::uint64_t least = model::least_weights_memory(
          model_.config, Precision::fp32, model::WeightsFolder::open(model_.folder), options.device);
      options.weights_memory = options.device >= 0 ? least : std::max(*options.weights_memory, least);
    }
    const model::Backbone backbone = model::Backbone::load(options);
    Progress progress(job_.program + " in float32", static_cast<std::int64_t>(requests.size()));
    for (std::size_t i = 0; i < requests.size(); ++i) {
      lock_->check();
      check_mapped_model();
      stop_if_asked(rows, requests.size() - i);
      bool finite = false;
      complete_or_stop([&] { finite = recompute_one(backbone, requests[i], rows); });
      stop_if_asked(rows, requests.size() - i);
      rows.finish_again(requests[i], finite);
      if (!finite) reject(requests[i], rows);
      rows.after_pass(rows.cursor());
      progress.advance(1, length_of(static_cast<std::size_t>(requests[i])));
    }
  }

  bool recompute_one(const model::Backbone& backbone, std::int64_t index, resume::DurableRows& rows) {
    const auto request = static_cast<std::size_t>(index);
    bool finite = false;
    model::Extractor extractor(backbone, {.batch_tokens = extraction_.batch_tokens});
    extractor.run(std::span(&job_.requests[request], 1), [&](std::size_t, MatrixView<const float> values) {
      finite = all_finite(values);
      if (finite) job_.store(request, values, rows);
    });
    return finite;
  }

  void stop_if_asked(resume::DurableRows& rows, std::size_t left) {
    if (!environment_.stopping()) return;
    rows.checkpoint();
    fail_interrupted(
        "{}: asked to stop; {} of {} sequences must still be recomputed in float32; the same command resumes",
        job_.target.string(), left, rows.non_finite().size());
  }

  // Once per row, whatever the number of its pairs. Computed rows are made durable before the run ends
  // because of it.
  void reject(std::int64_t request, resume::DurableRows& rows) {
    const std::int64_t row_id = row_id_of(static_cast<std::size_t>(request));
    if (!bad_ids_.insert(row_id).second) return;
    try {
      bad_rows_.reject({row_id, "embedding", "is not finite, also in float32"});
    } catch (const Error&) {
      rows.checkpoint();
      throw;
    }
  }

  // Returns the rows of the shard without embeddings: one non-finite pair of a best-of-n row removes all its
  // pairs.
  std::set<std::int64_t> drop_non_finite(const resume::DurableRows& rows) {
    std::set<std::int64_t> dropped;
    if (rows.non_finite().empty()) return dropped;
    for (std::size_t row = 0; row < job_.row_ids.size(); ++row)
      if (bad_ids_.contains(job_.row_ids[row])) dropped.insert(static_cast<std::int64_t>(row));
    if (dropped.size() == job_.row_ids.size())
      fail_data("{}: no row has a finite embedding; check the weights of {}", job_.target.string(),
                model_.folder.folder.string());
    bad_rows_.describe(provenance_);
    provenance_.rows -= static_cast<std::int64_t>(dropped.size());
    if (!rows.recomputed().empty())
      provenance_.counts["computed_in_float32"] = static_cast<std::int64_t>(rows.recomputed().size());
    return dropped;
  }

  ShardJob& job_;
  const ExtractionOptions& extraction_;
  const ModelInputs& model_;
  BadRows& bad_rows_;
  const options::StageEnvironment& environment_;
  artifacts::Provenance provenance_;
  resume::ResumeKey key_;
  std::optional<resume::RunLock> lock_;
  std::vector<model::Backbone> backbones_;  // one for each device
  io::FileWatch model_files_;
  std::set<std::int64_t> bad_ids_;  // rows without finite embeddings
};

DryRunPlan dry_run_plan(const ShardJob& job) {
  return {.program = job.program,
          .form = {},
          .selection = {},
          .gating_pattern = {},
          .first_row = {},
          .row_name = {},
          .provenance = job.provenance,
          .requests = job.requests,
          .samples = {},
          .label_counts = {},
          .target = job.target,
          .target_bytes = total_bytes(resume::tensor_specs(job.tensors, job.tensors.rows)),
          .bad_rows = {},
          .kernel_rates = job.kernel_rates};
}

}  // namespace

ShardJob begin_job(const std::string& program, const fs::path& target, const ModelInputs& model,
                   const options::StageEnvironment& environment, ExtractionOptions& extraction) {
  ShardJob job;
  job.program = program;
  job.target = target;
  job.kernel_rates = choose_kernels(target, model.config, environment.files, extraction);
  choose_accumulate(target, extraction);
  job.loading = load_ahead(extraction, model, target);
  return job;
}

fs::path finish_job(ShardJob& job, const ShardContext& context,
                    const std::function<void(DryRunPlan&)>& add_samples) {
  if (context.extraction.dry_run) {
    context.bad_rows.describe(job.provenance);
    DryRunPlan plan = dry_run_plan(job);
    plan.bad_rows = context.bad_rows.sorted();
    add_samples(plan);
    print_dry_run(context.extraction, context.model, plan);
    context.bad_rows.check_limit();
  } else {
    ShardRun(job, context).run();
  }
  return job.target;
}

}  // namespace armorm::stages::prepare
