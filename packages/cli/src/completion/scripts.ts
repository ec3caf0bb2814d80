/** The hidden command that the scripts call. */
export const COMPLETE = "__complete";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/**
 * Each script passes the words up to the cursor to `ccsp __complete`. An answer has a line `value<tab>description` for
 * each suggestion. A line `:files` asks the shell for names of files. A value that ends with `=` or `/` is not finished,
 * so no space follows.
 */
// Bash takes `=` for a word of its own. So the script joins the parts of such words again, and cuts off of the answers
// what stands before the last part.
const BASH = `# Completion of ccsp for bash. Install it with: source <(ccsp completion bash)
_ccsp() {
  local words=() word last line current before
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    last=$((\${#words[@]} - 1))
    if ((last >= 0)) && [[ $word == = || \${words[last]} == *= ]]; then
      words[last]+=$word
    else
      words+=("$word")
    fi
  done
  current=\${words[\${#words[@]} - 1]}
  before=
  [[ $current == *=* ]] && before=\${current%"\${current##*=}"}
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "\${current#"$before"}")
    else
      line=\${line%%$'\\t'*}
      COMPREPLY+=("\${line#"$before"}")
    fi
  done < <(ccsp ${COMPLETE} -- "\${words[@]}" 2>/dev/null)
  [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -o nosort -F _ccsp ccsp 2>/dev/null || complete -F _ccsp ccsp
`;

const ZSH = `#compdef ccsp
# Completion of ccsp for zsh. Install it after compinit with: source <(ccsp completion zsh)
_ccsp() {
  local line value description files
  local -a finished unfinished
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      files=yes
      continue
    fi
    value=\${\${line%%$'\\t'*}//:/\\\\:}
    description=\${line#*$'\\t'}
    if [[ $value == *[=/] ]]; then
      unfinished+=("$value\${description:+:$description}")
    else
      finished+=("$value\${description:+:$description}")
    fi
  done < <(ccsp ${COMPLETE} -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( \${#finished} )) && _describe -V -t values ccsp finished
  (( \${#unfinished} )) && _describe -V -t values ccsp unfinished -S ''
  if [[ -n $files ]]; then
    compset -P '--*='
    _files
  fi
}
if [[ \${funcstack[1]} == _ccsp ]]; then
  _ccsp "$@"
elif (( \${+functions[compdef]} )); then
  compdef _ccsp ccsp
fi
`;

const FISH = `# Completion of ccsp for fish. Install it with: ccsp completion fish > ~/.config/fish/completions/ccsp.fish
function __ccsp_complete
    set -l words (commandline -opc)
    set -e words[1]
    set -l current (commandline -ct)
    for line in (ccsp ${COMPLETE} -- $words "$current" 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path "$current"
        else
            printf '%s\\n' $line
        end
    end
end
complete -c ccsp -e
complete -c ccsp -k -f -a '(__ccsp_complete)'
`;

export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
