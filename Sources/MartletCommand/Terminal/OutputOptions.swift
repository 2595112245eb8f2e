import ArgumentParser

/// How much a command tells, and in which form.
struct OutputOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Tell more.")
  var verbose = false

  @Flag(name: .shortAndLong, help: "Tell only what fails.")
  var quiet = false

  @Flag(help: "Tell in JSON, one object on a line.")
  var json = false

  func validate() throws {
    if verbose && quiet { throw ValidationError("--verbose and --quiet do not go together.") }
  }

  /// - Parameter stream: where JSON goes.
  func journal(json stream: OutputStream) -> Journal {
    Journal(detail: verbose ? .detail : quiet ? .warning : .normal, json: json ? stream : nil)
  }
}
