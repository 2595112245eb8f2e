import ArgumentParser

/// `martlet`: TCP/IP in user space, from the command line.
@main
struct RootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "martlet",
    abstract: "A TCP/IP stack in user space: serve, connect, and see how TCP does it.",
    subcommands: [
      ServeCommand.self, ConnectCommand.self, PingCommand.self, TracerouteCommand.self, LinkCommand.self,
      DemoCommand.self, ReplayCommand.self, LadderCommand.self, TraceCommand.self, SSCommand.self,
      NetstatCommand.self, NstatCommand.self, CaptureCommand.self, ControlCommand.self,
    ]
  )
}
