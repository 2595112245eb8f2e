import ArgumentParser
import Martlet

/// `martlet control`
struct ControlCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "control",
    abstract: "Ask a running Martlet anything that its control socket answers, or change its limits.",
    discussion: """
      Sends one request and prints the answer, JSON objects line by line
      (Documentation/ControlSocket.md).

      EXAMPLES
        martlet control help
        martlet control memory
        martlet control limits
        martlet control set half-open 4096
        martlet control set listener :80 syn-cookies always
        martlet control set recorder 65536
        martlet control records follow lang zh
        martlet control reset state established dst 10.7.0.0/24


      """ + ExitStatus.discussion)

  @OptionGroup var asking: AskOptions

  @Argument(help: ArgumentHelp("The request, and what belongs to it.", valueName: "request"))
  var request: [String]

  func validate() throws {
    do throws(ControlError) {
      if case .capture = try ControlRequest(parsing: request.joined(separator: " ")) {
        throw ControlError.refused("A capture is no text. Use \"martlet capture\".")
      }
    } catch {
      throw ValidationError(error.sentence)
    }
  }

  func run() throws {
    try askingPolitely {
      Interruption.watch()
      let client = try asking.client()
      try client.ask(request.joined(separator: " ")) { line, _ in
        try OutputStream.output.deliver(line + "\n")
      }
    }
  }
}
