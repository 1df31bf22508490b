#include <iostream>
#include <set>

#include <fmt/format.h>

#include "cli/command.hpp"

namespace latchkey::cli {

namespace {

// One line of the tree: the words that lead to a command, and what may follow them.
struct Node {
  std::string path;                // "latchkey keys create"
  std::vector<std::string> words;  // subcommands and options
};

void collect(const CLI::App& app, const std::string& path, std::vector<Node>& nodes) {
  Node node{path, {}};
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) node.words.push_back("--" + name);
    for (const auto& name : option->get_snames()) node.words.push_back("-" + name);
  }
  auto subcommands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const auto* subcommand : subcommands) node.words.push_back(subcommand->get_name());
  nodes.push_back(std::move(node));
  for (const auto* subcommand : subcommands) collect(*subcommand, path + " " + subcommand->get_name(), nodes);
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

// The script finds the longest path of words on the line that is a command, and offers what may follow it, else files.
std::string bash_script(const std::vector<Node>& nodes) {
  std::string cases;
  for (const auto& node : nodes) cases += fmt::format("    '{}') words='{}' ;;\n", node.path, joined(node.words));
  return R"sh(# bash completion for latchkey: source <(latchkey completion bash)
_latchkey_words() {
  local words=''
  case "$1" in
)sh" + cases +
         R"sh(    *) return 1 ;;
  esac
  printf '%s' "$words"
}
_latchkey() {
  local current="${COMP_WORDS[COMP_CWORD]}" path='latchkey' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    _latchkey_words "$path ${COMP_WORDS[i]}" > /dev/null && path="$path ${COMP_WORDS[i]}"
  done
  mapfile -t COMPREPLY < <(compgen -W "$(_latchkey_words "$path")" -- "$current")
}
complete -o default -F _latchkey latchkey
)sh";
}

std::string zsh_script(const std::vector<Node>& nodes) {
  return "#compdef latchkey\nautoload -U +X bashcompinit && bashcompinit\n" + bash_script(nodes);
}

std::string fish_script(const std::vector<Node>& nodes) {
  std::string script = "# fish completion for latchkey: latchkey completion fish | source\n";
  for (const auto& node : nodes) {
    auto condition = fmt::format("__fish_latchkey_at \"{}\"", node.path);
    script += fmt::format("complete -c latchkey -n '{}' -a '{}'\n", condition, joined(node.words));
  }
  return R"sh(function __fish_latchkey_at
  set -l words (string match -v -- '-*' (commandline -opc))
  string match -q -- "$argv[1]*" (string join ' ' $words); and test (count (string split ' ' $argv[1])) -ge (count $words)
end
)sh" + script;
}

ExitCode print_completion(const CLI::App& app, const std::string& shell) {
  std::vector<Node> nodes;
  collect(app, "latchkey", nodes);
  std::cout << (shell == "bash" ? bash_script(nodes) : shell == "zsh" ? zsh_script(nodes) : fish_script(nodes));
  return ExitCode::Ok;
}

}  // namespace

void add_completion_command(CLI::App& app, Chosen& chosen) {
  auto shell = std::make_shared<std::string>();
  auto* command = add_command(app, "completion", "Print a completion script for a shell",
                              {"source <(latchkey completion bash)", "latchkey completion fish | source"});
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember(std::set<std::string>{"bash", "zsh", "fish"}));
  command->callback(
      [&app, &chosen, shell] { chosen.action = [&app, shell] { return print_completion(app, *shell); }; });
}

}  // namespace latchkey::cli
