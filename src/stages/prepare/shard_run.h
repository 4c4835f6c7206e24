// The second half of both prepare stages: turns encoded rows into the shard's file through the backbone,
// exactly once, however often the process is interrupted.
#pragma once

#include <filesystem>
#include <functional>
#include <future>
#include <string>
#include <vector>

#include "core/options.h"
#include "stages/options/stage_environment.h"
#include "stages/prepare/bad_rows.h"
#include "stages/prepare/dry_run.h"
#include "stages/prepare/extraction_run.h"
#include "stages/resume/durable_rows.h"

namespace armorm::stages::prepare {

struct ShardJob {
  std::string program;
  std::filesystem::path target;
  artifacts::Provenance provenance;
  resume::ShardTensors tensors;
  std::vector<std::int64_t> row_ids;               // by row of the shard
  std::vector<model::ExtractionRequest> requests;  // requests_per_row for each row, in order
  std::size_t requests_per_row = 1;
  std::function<std::string()> data_digest;     // computed only by a run that is no dry one
  BackbonesLoading loading;                     // result of load_ahead()
  std::vector<model::KernelRate> kernel_rates;  // result of choose_kernels()
  // Stores the rows of a request, one per wanted position.
  std::function<void(std::size_t request, MatrixView<const float> rows, resume::DurableRows& out)> store;
};

// The inputs of a stage's job.
struct ShardContext {
  const std::vector<OptionValue>& options;  // all options of the program
  const ExtractionOptions& extraction;
  const ModelInputs& model;
  BadRows& bad_rows;
  const options::StageEnvironment& environment;
};

// A job without rows; its weights are loading if they will be needed. Chooses extraction.kernels.
ShardJob begin_job(const std::string& program, const std::filesystem::path& target, const ModelInputs& model,
                   const options::StageEnvironment& environment, ExtractionOptions& extraction);

// The end of both prepare stages; returns job.target. A dry run prints the plan, to which `add_samples` adds
// the stage's samples and labels. Otherwise it publishes job.target and prints the summary. Resumes an
// interrupted run of the same job; a complete file of the same job is kept. Rows with non-finite embeddings
// are computed again in float32 before they count as bad. Errors: locked when another process has the target,
// data when an interrupted run or the finished shard had other inputs, interrupted when the environment asked
// to stop.
std::filesystem::path finish_job(ShardJob& job, const ShardContext& context,
                                 const std::function<void(DryRunPlan&)>& add_samples);

}  // namespace armorm::stages::prepare
