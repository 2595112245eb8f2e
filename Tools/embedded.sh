# What the tools that build Embedded Swift have in common: for WebAssembly, which node runs, and for a Cortex-M4, which qemu plays.
# Sourced after report.sh, never run.
#
#   machine wasm|arm          chooses; sets triple, and dir, where everything for this machine is
#   compile FOLDER OPTION...  a module with the folder's name, unless it is there and newer than all that it is made of; tools that
#                             run at the same time wait for each other there
#   compile_core              those of the core, which all others need
#   link_wasm OUT EXPORT...   what was compiled, as a module for node
#   link_arm OUT FILE.c...    what was compiled, with these files, as an image for the board
#   play IMAGE SECONDS        runs that

common=(
  -swift-version 6 -wmo -parse-as-library -package-name martlet -Xfrontend -disable-stack-protector
  -enable-experimental-feature Embedded -enable-experimental-feature Lifetimes
  -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility
)
core_folders='Sources/MartletWire Sources/MartletTCP Sources/MartletStack'

machine() {
  case $1 in
    wasm)
      triple=wasm32-unknown-none-wasm
      options=(-O)
      ;;
    arm)
      triple=armv7em-none-none-eabi
      # Why without that pass: Examples/Microcontroller/README.md.
      options=(-Osize -Xllvm -arm-load-store-opt=false -Xcc -ffreestanding -Xcc -mcpu=cortex-m4 -Xcc -mfloat-abi=soft)
      ;;
    *)
      echo "${0##*/}: '$1' is no machine; known are wasm and arm" >&2
      exit 2
      ;;
  esac
  dir=.build/embedded/$triple
  objects=()
  mkdir -p "$dir"
}

compile_core() {
  local folder
  for folder in $core_folders; do compile "$folder" -strict-memory-safety -warnings-as-errors; done
}

compile() {
  local folder=$1 module=${1##*/} object files lock
  shift
  object=$dir/$module.o
  exec {lock}>"$object.lock"
  flock "$lock"
  if [ ! -f "$object" ] || [ -n "$(find "$folder" Tools/embedded.sh "${objects[@]}" -newer "$object" -print -quit)" ]; then
    rm -f "$object"
    mapfile -t files < <(swift_files "$folder")
    "$(toolchain swiftc)" -target "$triple" "${common[@]}" "${options[@]}" "$@" -I "$dir" -module-name "$module" \
      -emit-module -emit-module-path "$dir/$module.swiftmodule" -c "${files[@]}" -o "$object.new"
    mv "$object.new" "$object"
    printf '   %-26s %-24s %3d files %8d bytes of code\n' "$triple" "$module" "${#files[@]}" "$(code_size "$object")"
  fi
  exec {lock}>&-
  objects+=("$object")
}

# The sum of the sizes of all functions, however the object format spells a section.
code_size() {
  local hex total=0
  while read -r _ hex _; do total=$((total + 16#$hex)); done \
    < <("$(toolchain llvm-nm)" --print-size "$1" | awk 'NF == 4 && $3 ~ /^[tTwW]$/')
  echo "$total"
}

# What of Swift's library is compiled beforehand: tables of letters.
tables() { toolchain "../lib/swift/embedded/$triple/libswiftUnicodeDataTables.a"; }

link_wasm() {
  local image=$1
  shift
  "$(toolchain clang)" --target="$triple" -O2 -mbulk-memory -ffreestanding -Wall -Wextra -Werror \
    -c Tests/EmbeddedMachine/Library.c -o "$image.library.o"
  "$(toolchain wasm-ld)" --no-entry "${@/#/--export=}" -z stack-size=1048576 --gc-sections \
    "$image.library.o" "${objects[@]}" "$(tables)" -o "$image"
}

link_arm() {
  local image=$1 file c_objects=()
  shift
  for file in Tests/EmbeddedMachine/{Board,Doubles}.c Examples/Microcontroller/Startup.c "$@"; do
    c_objects+=("$dir/$(basename "$file" .c).c.o")
    "$(toolchain clang)" --target=armv7em-none-eabi -mcpu=cortex-m4 -mfloat-abi=soft -ffreestanding -Os \
      -Wall -Wextra -Werror -I Tests/EmbeddedMachine -DHEAP_KIB=15360 -c "$file" -o "${c_objects[-1]}"
  done
  # The drivers and the tests want more memory than the example: the board has 16 MiB more.
  sed 's/ORIGIN = 0x20000000, LENGTH = 256K/ORIGIN = 0x21000000, LENGTH = 16M/' Examples/Microcontroller/board.ld >"$dir/board.ld"
  "$(toolchain ld.lld)" --gc-sections -T "$dir/board.ld" "${c_objects[@]}" "${objects[@]}" "$(tables)" -o "$image"
}

has_node() {
  command -v node >/dev/null || {
    echo '   not run: node is missing'
    return 1
  }
}

has_qemu() {
  Tools/install-tools --wanted microcontroller
  command -v qemu-system-arm >/dev/null || {
    echo '   not run: qemu-system-arm is missing and cannot be installed here'
    return 1
  }
}

play() {
  local status=0
  timeout "$2" qemu-system-arm -M mps2-an386 -nographic -monitor none -serial stdio -semihosting -kernel "$1" </dev/null ||
    status=$?
  [ "$status" = 0 ] || {
    echo "   the board ended with $status" >&2
    return 1
  }
}
