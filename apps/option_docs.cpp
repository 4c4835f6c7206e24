#include "option_docs.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <string_view>

#include "core/error.h"
#include "core/version.h"
#include "program_examples.h"

namespace armorm::cli {
namespace {

struct ValueKind {
  std::string operator()(const bool*) const { return ""; }
  std::string operator()(const std::int64_t*) const { return "INT"; }
  std::string operator()(const std::optional<std::int64_t>*) const { return "INT"; }
  std::string operator()(const double*) const { return "NUMBER"; }
  std::string operator()(const std::string*) const { return "TEXT"; }
  template <class T>
  std::string operator()(const std::vector<T>*) const {
    return ValueKind()(static_cast<const T*>(nullptr)) + ",...";
  }
  std::string operator()(const DatasetPaths*) const { return "TEXT,..."; }
  std::string operator()(const WordField& field) const { return field.is_list() ? "TEXT,..." : "TEXT"; }
};

// roff interprets a leading dot or quote and every backslash, and prints quotes, minus, hat and tilde in
// typographic forms that a shell does not understand.
std::string roff(const std::string& text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    line_start = c == '\n';
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      case ',':
        out += ",\\:";
        break;  // long lists may be broken here
      default:
        out += c;
    }
  }
  return out;
}

std::string man_option(const Option& option) {
  std::string text = fmt::format(".TP\n\\fB\\-\\-{}\\fR", roff(option.name));
  const std::string value = value_name(option);
  if (!value.empty()) text += fmt::format(" \\fI{}\\fR", roff(value));
  text += "\n" + roff(option.help) + ".";
  const std::string initial = default_text(option);
  if (!value.empty() && !initial.empty()) text += "\nDefault: " + roff(initial) + ".";
  return text + "\n";
}

std::string man_examples(const std::string& program) {
  const std::vector<Example> examples = program_examples(program);
  std::string text = examples.empty() ? "" : ".SH EXAMPLES\n";
  for (const Example& example : examples)
    text +=
        fmt::format(".PP\n{}\n.PP\n.RS 4\n.nf\n{}\n.fi\n.RE\n", roff(example.what), roff(example.command));
  return text;
}

std::string man_see_also(const std::string& program) {
  std::string text;
  for (const std::string& other : program_names())
    if (other != program) text += fmt::format("{}.BR {} (1)", text.empty() ? "" : ",\n", roff(other));
  return ".SH SEE ALSO\n" + text + "\n";
}

constexpr const char* kConfigOptions =
    ".TP\n\\fB\\-\\-help\\fR, \\fB\\-\\-version\\fR\nPrint the options, or version and build "
    "configuration.\n"
    ".PP\nA file for \\fB\\-\\-config\\fR is JSON, comments allowed, with an object \\(dqcommon\\(dq and one "
    "for each program;\n"
    "each key is the name of an option, and one that no program has is an error.\n";

// The codes and their words are those of docs/exit-codes.md.
constexpr const char* kExitStatus =
    ".SH EXIT STATUS\n"
    ".TP\n0\nDone.\n"
    ".TP\n1\nInternal error, or out of memory.\n"
    ".TP\n2\nWrong usage.\n"
    ".TP\n3\nA missing file, or failed input or output.\n"
    ".TP\n4\nBad data.\n"
    ".TP\n5\nAnother process is at work on the same output.\n"
    ".TP\n75\nInterrupted by a signal; the same command resumes.\n"
    ".PP\nWhat to do about each: \\fIexit\\-codes.md\\fR of the documentation.\n";

constexpr const char* kFiles =
    ".SH FILES\nBelow \\fB\\-\\-data_root\\fR, where MODEL and DATASET are the last part of the path or Hub "
    "id:\n"
    ".TP\n\\fIembeddings/MODEL/"
    "DATASET\\fR[\\fI\\-SPLIT\\fR][\\fI\\-00001\\-of\\-00008\\fR]\\fI.safetensors\\fR\n"
    "Embeddings of the prepare stages.\n"
    ".TP\n\\fIregression_weights/MODEL_DATASET.pt\\fR\nWeights of stage1\\-train, with a twin in safetensors "
    "and a report.\n"
    ".TP\n\\fIgating_network_MODEL.pt\\fR\nGate of stage2\\-train; its twin in safetensors holds all that "
    "scoring needs.\n";

constexpr const char* kEnvironment =
    ".SH ENVIRONMENT\n.TP\nARMORM_DATA\nDefault of \\fB\\-\\-data_root\\fR.\n"
    ".TP\nHF_HOME, HF_HUB_CACHE\nWhere the Hub cache lies.\n"
    ".TP\nHF_TOKEN, HF_TOKEN_PATH\nThe access token for the Hub, or a file that holds it.\n"
    ".TP\nHF_ENDPOINT, HF_HUB_OFFLINE\nAnother Hub; 1 to fetch nothing.\n";

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) fail_io("{}: cannot be made: {}", path.parent_path().string(), error.message());
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (!out) fail_io("{}: cannot be written; check the folder's permissions and space", path.string());
}

}  // namespace

const std::vector<std::string>& program_names() {
  static const std::vector<std::string> names{ARMORM_PROGRAMS};
  return names;
}

bool takes_folder(const Option& option) { return option.help.starts_with("Folder"); }

bool takes_path(const Option& option) {
  const std::string& name = option.name;
  return takes_folder(option) || name == "config" || name == "merge" || name == "partial" ||
         name == "input" || name == "output" || name.ends_with("_path") || name.ends_with("_dataset");
}

std::string value_name(const Option& option) {
  if (!option.choices().empty()) return fmt::format("{}", fmt::join(option.choices(), "|"));
  return takes_folder(option) ? "FOLDER" : std::visit(ValueKind{}, option.target);
}

std::string default_text(const Option& option) {
  std::string text = value_text(option);
  const char* const home = std::getenv("HOME");
  if (home != nullptr && *home != '\0' && text.starts_with(std::string(home) + "/"))
    text.replace(0, std::string_view(home).size(), "~");
  return text;
}

std::string man_page(const ProgramDocs& docs) {
  std::string text = fmt::format(".TH {} 1 \"\" \"armorm {}\" \"ArmoRM\"\n.SH NAME\n{} \\- {}\n",
                                 roff(docs.name), kVersion, roff(docs.name), roff(docs.purpose));
  text += fmt::format(".SH SYNOPSIS\n.B {}\n[\\fIoptions\\fR]\n", roff(docs.name));
  text += fmt::format(".SH DESCRIPTION\n{}.\n", roff(docs.purpose));
  text +=
      "One of the programs that train ArmoRM, an interpretable reward model (arXiv 2406.12845).\n.SH "
      "OPTIONS\n.ad l\n";
  for (const Option& option : docs.options) text += man_option(option);
  return text + kConfigOptions + man_examples(docs.name) + kFiles + kEnvironment + kExitStatus +
         man_see_also(docs.name);
}

void write_docs(const ProgramDocs& docs, const std::filesystem::path& share) {
  write_file(share / "man" / "man1" / (docs.name + ".1"), man_page(docs));
  write_file(share / "bash-completion" / "completions" / docs.name, completion(docs, "bash"));
  write_file(share / "zsh" / "site-functions" / ("_" + docs.name), completion(docs, "zsh"));
  write_file(share / "fish" / "vendor_completions.d" / (docs.name + ".fish"), completion(docs, "fish"));
}

}  // namespace armorm::cli
