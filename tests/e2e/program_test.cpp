// Behaviour common to all programs: arguments, output, and independence of the processor.
#include <unistd.h>

#include <cmath>
#include <map>
#include <sstream>

#include "core/error.h"
#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

ProcessResult shell(const std::string& command) {
  return run_program("/bin/sh", {"-c", "PATH=" + bin_dir().string() + ":$PATH; " + command});
}

// `limit`: a variable, as NAME=VALUE.
std::vector<float> embeddings_with(const std::string& limit, const std::string& precision) {
  const TempDir root;
  std::vector<std::string> flags = stage_flags("stage1-prepare", demo_dir(), root.path());
  *(std::find(flags.begin(), flags.end(), "--precision") + 1) = precision;
  *(std::find(flags.begin(), flags.end(), "--kernels") + 1) = "auto";  // each processor has its own
  flags.insert(flags.begin(), {limit, (bin_dir() / "stage1-prepare").string()});
  const ProcessResult result = run_program("/usr/bin/env", flags);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  std::vector<float> values;
  for (const auto& entry : fs::recursive_directory_iterator(root.path()))
    if (entry.path().extension() == ".safetensors") {
      const io::SafetensorsFile file = io::SafetensorsFile::open(entry.path());
      for (const BFloat16 value : file.at("embeddings").as<BFloat16>()) values.push_back(value.to_float());
    }
  return values;
}

double relative_distance(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  REQUIRE_FALSE(a.empty());
  double difference = 0, square = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(double{a[i]} - double{b[i]}, 2);
    square += std::pow(double{a[i]}, 2);
  }
  return std::sqrt(difference / square);
}

using CodesAndMeanings = std::map<std::string, std::string>;

// Entries ".TP", code, meaning of the section EXIT STATUS.
CodesAndMeanings codes_of_man_page(const std::string& page) {
  CodesAndMeanings codes;
  std::istringstream lines(page.substr(page.find(".SH EXIT STATUS\n")));
  std::string line, code;
  std::getline(lines, line);
  while (std::getline(lines, line) && !line.starts_with(".SH")) {
    if (line == ".TP" && std::getline(lines, code)) std::getline(lines, codes[code]);
  }
  return codes;
}

// Rows "| code | meaning | what to do |" of the file's first table.
CodesAndMeanings codes_of_document(const fs::path& path) {
  const std::string document = io::read_text_file(path);
  CodesAndMeanings codes;
  std::istringstream lines(document.substr(document.find("| --- |")));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line) && line.starts_with("| ")) {
    const std::size_t bar = line.find(" | ");
    codes[line.substr(2, bar - 2)] = line.substr(bar + 3, line.find(" | ", bar + 3) - bar - 3);
  }
  return codes;
}

}  // namespace

TEST_CASE("the exit codes' table, the man pages and the kinds of errors agree", "[e2e]") {
  const CodesAndMeanings documented = codes_of_document(source_dir() / "docs/exit-codes.md");
  CodesAndMeanings expected{{"0", "Done."}};
  for (const ErrorKind kind : {ErrorKind::internal, ErrorKind::usage, ErrorKind::io, ErrorKind::data,
                               ErrorKind::locked, ErrorKind::interrupted}) {
    const std::string code = std::to_string(Error(kind, "").exit_code());
    REQUIRE(documented.contains(code));
    expected[code] = documented.at(code);
  }
  CHECK(documented == expected);
  for (const char* program : {"stage1-prepare", "stage1-train", "stage2-prepare", "stage2-train", "score"}) {
    INFO(program);
    CHECK(codes_of_man_page(run_program(program, {"--man_page"}).out) == documented);
  }
}

TEST_CASE("an output that cannot be written is told of, whatever was to be printed", "[e2e]") {
  for (const char* flag : {"--help", "--version", "--man_page", "--completion bash"}) {
    INFO(flag);
    const ProcessResult result = shell(std::string("stage1-train ") + flag + " >/dev/full");
    CHECK(result.exit_code == 3);
    CHECK(result.err.find("standard output") != std::string::npos);
    CHECK(shell(std::string("stage1-train ") + flag).exit_code == 0);
  }
}

TEST_CASE("defaults in the help and the man page name no home folder", "[e2e]") {
  const auto printed = [](const char* flag) {
    return shell(std::string("env -u ARMORM_DATA HOME=/somebody stage1-train ") + flag).out;
  };
  CHECK_THAT(printed("--help"), Catch::Contains("~/data/ArmoRM") && !Catch::Contains("/somebody"));
  CHECK_THAT(printed("--man_page"), Catch::Contains("\\(ti/data/ArmoRM") && !Catch::Contains("/somebody"));
}

TEST_CASE("an argument that is not UTF-8 is refused", "[e2e]") {
  const ProcessResult result = run_program("stage1-prepare", {"--device", "-1", "--dataset_path", "caf\xe9"});
  CHECK(result.exit_code == 2);
  CHECK(result.err.find("argument 4 is not UTF-8") != std::string::npos);
}

TEST_CASE("a limit on the size of files is an I/O error that names the file", "[e2e]") {
  const TempDir out;
  const std::string flags = " --model_path " + (demo_dir() / "model").string() + " --dataset_path " +
                            (demo_dir() / "multi-objective").string() + " --data_root " + demo_run().string();
  const ProcessResult result = shell("ulimit -f 1; stage1-train" + flags + " --output_dir " +
                                     (out / "weights").string() + " 2>&1 | cat >&2");
  CHECK(result.err.find("stage1-train: error: " + (out / "weights").string()) != std::string::npos);
}

TEST_CASE("a small stack is raised or named", "[e2e]") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  ARMORM_SKIP("sanitizers start the programs as they are");
#endif
  const std::string limited = "ulimit -Ss 64; ";  // the hard limit stays
  CHECK(shell(limited + "stage1-train --version").exit_code == 0);
  CHECK(shell(limited + "OMP_WAIT_POLICY=ACTIVE stage1-train --version").exit_code == 0);
  const std::string unprivileged = "ulimit -s 64; exec setpriv --bounding-set -all --inh-caps -all ";
  if (geteuid() != 0 || shell("setpriv --bounding-set -all --inh-caps -all true").exit_code != 0)
    ARMORM_SKIP("without setpriv the hard limit of root is no limit");
  const ProcessResult refused = shell(unprivileged + "stage1-train --version");
  CHECK(refused.exit_code == 2);
  CHECK(refused.err.find("stage1-train: error: the stack limit is below 1 MiB") != std::string::npos);
}

TEST_CASE("a name that is too long for the file system is an I/O error", "[e2e]") {
  const std::string name(300, 'x');
  for (const auto& [program, flag] :
       {std::pair("stage2-train", "--data_root"), std::pair("stage1-train", "--data_root")}) {
    std::vector<std::string> flags{flag, "/tmp/" + name};
    if (program == std::string("stage2-train")) flags.insert(flags.end(), {"--device", "-1"});
    const ProcessResult result = run_program(program, flags);
    CHECK(result.exit_code == 3);
    CHECK(result.err.find(name) != std::string::npos);
    CHECK(result.err.find("internal") == std::string::npos);
  }
}

// Limits oneDNN, or LibTorch and this project's kernels, to the instructions of older processors.
TEST_CASE("processors without bfloat16 or AVX-512 give the same embeddings but for rounding", "[e2e]") {
  for (const std::string precision : {"bf16", "fp32"}) {
    const std::vector<float> native = embeddings_with("ONEDNN_MAX_CPU_ISA=DEFAULT", precision);
    for (const char* limit :
         {"ONEDNN_MAX_CPU_ISA=AVX2", "ONEDNN_MAX_CPU_ISA=AVX512_CORE", "ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI",
          "ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16", "ATEN_CPU_CAPABILITY=avx2", "ATEN_CPU_CAPABILITY=default"}) {
      CAPTURE(precision, limit);
      // Embeddings are stored as bfloat16, with 8 significant bits.
      CHECK(relative_distance(native, embeddings_with(limit, precision)) <
            (precision == "bf16" ? 0.03 : 0.003));
    }
  }
}

TEST_CASE("the waiting threads of a program sleep, unless the user says otherwise", "[e2e]") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  ARMORM_SKIP("sanitizers start the programs as they are");
#endif
  // libgomp prints its settings when it starts.
  const auto policy_with = [](const char* name, const char* value) {
    setenv("OMP_DISPLAY_ENV", "VERBOSE", 1);
    if (name != nullptr) setenv(name, value, 1);
    const ProcessResult result = run_program("stage1-train", {"--version"});
    unsetenv("OMP_DISPLAY_ENV");
    if (name != nullptr) unsetenv(name);
    REQUIRE(result.exit_code == 0);
    return result.err;
  };
  CHECK_THAT(policy_with(nullptr, nullptr), Catch::Contains("OMP_WAIT_POLICY = 'PASSIVE'"));
  CHECK_THAT(policy_with(nullptr, nullptr), Catch::Contains("GOMP_SPINCOUNT = '0'"));
  CHECK_THAT(policy_with("OMP_WAIT_POLICY", "ACTIVE"), Catch::Contains("OMP_WAIT_POLICY = 'ACTIVE'"));
  CHECK_THAT(policy_with("GOMP_SPINCOUNT", "77"), Catch::Contains("GOMP_SPINCOUNT = '77'"));
}
