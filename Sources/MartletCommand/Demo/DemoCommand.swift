import ArgumentParser
import MartletLinks
import MartletTrace

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// `martlet demo`
struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "See one connection open, carry and close against the kernel's TCP.",
    discussion: """
      Makes a network namespace with a TUN device in it, serves a page there with
      Martlet, lets the kernel's TCP fetch it, and draws every segment that crossed
      the device, with the state of both ends. The kernel's state is inferred from
      the segments and checked against what "ss" says. Then two Martlet stacks in
      memory close at the same moment, and half-close.

      Needs root, or a kernel that lets users make namespaces and TUN devices;
      otherwise everything is played in memory. Nothing is left behind.

      EXAMPLES
        martlet demo
        martlet demo --write demo.pcapng     the kernel's part, for Wireshark
        martlet demo --memory --ascii --columns 80


      """ + ExitStatus.discussion)

  @Flag(help: "Do not ask the kernel: play everything in memory.")
  var memory = false

  @Option(help: ArgumentHelp("Draw for a terminal this wide.", valueName: "columns"))
  var columns: Int?

  @Flag(help: "Draw with ASCII only.")
  var ascii = false

  @Option(
    help: ArgumentHelp("Write the packets exchanged with the kernel to this pcapng file.", valueName: "file"))
  var write: String?

  @Flag(help: "Print what was exchanged as JSON, one object on a line, instead of drawing it.")
  var json = false

  func run() throws {
    try reportingFailures {
      let stage = DemoStage(style: style, isJSON: json)
      try playAgainstKernel(stage)
      try stage.show(.simultaneousClose, try MemoryScenes.simultaneousClose())
      try stage.show(.halfClose, try MemoryScenes.halfClose())
      try stage.end()
    }
  }

  private var style: LadderStyle {
    let asked = getenv("COLUMNS").flatMap { Int(String(cString: $0)) }
    let colour = OutputStream.output.isTerminal && getenv("NO_COLOR") == nil
    return LadderStyle(columns: columns ?? asked ?? 100, colour: colour, ascii: ascii)
  }

  /// The main scene, with the kernel where it lets us.
  private func playAgainstKernel(_ stage: DemoStage) throws {
    #if os(Linux)
      if !memory {
        do {
          var scene = try KernelScene(stage, capturePath: write)
          return try scene.play()
        } catch let error as LinkError {
          guard error.code == .noPermission || error.code == .noDevice || error.code == .unsupported else {
            throw error
          }
          if error.code == .noPermission, !UserNamespace.isInside, UserNamespace.isPermitted {
            try stage.say("Not root: starting again as root of a user namespace of its own.")
            throw ExitCode(try UserNamespace.runSelf())
          }
          try stage.say(
            "The kernel cannot take part: \(error.message)\nBoth ends are Martlet, in memory, instead.")
        }
      }
    #endif
    try stage.show(.fetchInMemory, try MemoryScenes.fetch(page: DemoPage.text))
  }
}
