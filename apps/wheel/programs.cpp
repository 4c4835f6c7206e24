// Starts the program that it is called by the name of: the launcher of the Python wheel passes it as argv[0].
#include <sys/prctl.h>

#include <array>
#include <cstdio>
#include <cstring>

// The mains of the programs (CMakeLists.txt).
int stage1_prepare_main(int argc, char** argv);
int stage1_train_main(int argc, char** argv);
int stage2_prepare_main(int argc, char** argv);
int stage2_train_main(int argc, char** argv);
int score_main(int argc, char** argv);
int serve_main(int argc, char** argv);

namespace {

constexpr int kUsageError = 2;

struct Program {
  const char* name;
  int (*main)(int argc, char** argv);
};
constexpr std::array<Program, 6> kPrograms{{
    {"stage1-prepare", stage1_prepare_main},
    {"stage1-train", stage1_train_main},
    {"stage2-prepare", stage2_prepare_main},
    {"stage2-train", stage2_train_main},
    {"score", score_main},
    {"serve", serve_main},
}};

const char* file_name(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

}  // namespace

int main(int argc, char** argv) {
  const char* name = argc > 0 ? file_name(argv[0]) : "";
  for (const Program& program : kPrograms) {
    if (std::strcmp(name, program.name) != 0) continue;
    (void)prctl(PR_SET_NAME, name);  // for ps and pkill
    return program.main(argc, argv);
  }
  (void)std::fprintf(stderr, "%s: error: not the name of a program; start one of them by its name\n", name);
  return kUsageError;
}
