#include "support/process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <utility>

#include "io/read_file.h"
#include "support/test_support.h"

namespace armorm::test {
namespace {

[[noreturn]] void become(const std::string& program, const std::vector<std::string>& arguments,
                         const std::string& out, const std::string& err) {
  const auto redirect = [](const std::string& path, int flags, int descriptor) {
    const int opened = open(path.c_str(), flags, 0600);
    if (opened < 0 || dup2(opened, descriptor) < 0) _exit(126);
  };
  redirect("/dev/null", O_RDONLY, STDIN_FILENO);
  redirect(out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
  redirect(err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(program.c_str(), argv.data());
  _exit(127);
}

}  // namespace

ChildProcess::ChildProcess(const std::string& program, const std::vector<std::string>& arguments) {
  const std::string path = program.find('/') == std::string::npos ? (bin_dir() / program).string() : program;
  const std::string out = (output_ / "out").string();
  const std::string err = (output_ / "err").string();
  id_ = fork();
  if (id_ < 0) throw std::runtime_error("fork failed");
  if (id_ == 0) become(path, arguments, out, err);
}

ChildProcess::~ChildProcess() {
  if (id_ < 0) return;
  kill(id_, SIGKILL);
  waitpid(id_, nullptr, 0);
}

void ChildProcess::signal(int number) const { kill(id_, number); }

std::string ChildProcess::err() const {
  return std::filesystem::exists(output_ / "err") ? io::read_text_file(output_ / "err") : std::string();
}

ProcessResult ChildProcess::wait() {
  int status = 0;
  if (waitpid(std::exchange(id_, -1), &status, 0) < 0) throw std::runtime_error("waitpid failed");
  ProcessResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  // A program killed at its start may not have opened its files yet.
  const auto text = [&](const char* name) {
    return std::filesystem::exists(output_ / name) ? io::read_text_file(output_ / name) : std::string();
  };
  result.out = text("out");
  result.err = text("err");
  return result;
}

ProcessResult run_program(const std::string& program, const std::vector<std::string>& arguments) {
  return ChildProcess(program, arguments).wait();
}

}  // namespace armorm::test
