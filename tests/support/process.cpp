#include "support/process.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "io/read_file.h"
#include "support/test_support.h"

namespace armorm::test {
namespace {

[[noreturn]] void execute(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(program.c_str(), argv.data());
  _exit(127);
}

std::string path_of(const std::string& program) {
  return program.find('/') == std::string::npos ? (bin_dir() / program).string() : program;
}

int exit_code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

void change_environment(const std::vector<std::string>& changes) {
  for (const std::string& change : changes) {
    const std::size_t equals = change.find('=');
    const std::string name = change.substr(0, equals);
    if (equals == std::string::npos)
      unsetenv(name.c_str());
    else
      setenv(name.c_str(), change.substr(equals + 1).c_str(), 1);
  }
}

[[noreturn]] void become(const std::string& program, const std::vector<std::string>& arguments,
                         const std::string& out, const std::string& err) {
  const auto redirect = [](const std::string& path, int flags, int descriptor) {
    const int opened = open(path.c_str(), flags, 0600);
    if (opened < 0 || dup2(opened, descriptor) < 0) _exit(126);
  };
  redirect("/dev/null", O_RDONLY, STDIN_FILENO);
  redirect(out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
  redirect(err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
  execute(program, arguments);
}

}  // namespace

ChildProcess::ChildProcess(const std::string& program, const std::vector<std::string>& arguments) {
  const std::string path = path_of(program);
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
  result.exit_code = exit_code_of(status);
  // A program killed at its start may not have opened its files yet.
  const auto text = [&](const char* name) {
    return std::filesystem::exists(output_ / name) ? io::read_text_file(output_ / name) : std::string();
  };
  result.out = text("out");
  result.err = text("err");
  return result;
}

ProcessResult run_on_terminal(const std::string& program, const std::vector<std::string>& arguments,
                              const Terminal& terminal) {
  const std::string path = path_of(program);
  winsize size{};
  size.ws_row = 50;
  size.ws_col = terminal.columns;
  int screen = -1;
  const pid_t id = forkpty(&screen, nullptr, nullptr, &size);
  if (id < 0) throw std::runtime_error("forkpty failed");
  if (id == 0) {
    change_environment(terminal.environment);
    execute(path, arguments);
  }
  ProcessResult result;
  char buffer[4096];
  // The end of the other side is an error on Linux.
  for (ssize_t n = 0; (n = read(screen, buffer, sizeof(buffer))) > 0;)
    result.out.append(buffer, static_cast<std::size_t>(n));
  close(screen);
  int status = 0;
  if (waitpid(id, &status, 0) < 0) throw std::runtime_error("waitpid failed");
  result.exit_code = exit_code_of(status);
  return result;
}

ProcessResult run_program(const std::string& program, const std::vector<std::string>& arguments) {
  return ChildProcess(program, arguments).wait();
}

}  // namespace armorm::test
