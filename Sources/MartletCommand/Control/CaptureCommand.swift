import ArgumentParser
import Martlet
import MartletLinks
import SystemPackage

/// `martlet capture`
struct CaptureCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "capture",
    abstract: "Capture the packets of a running Martlet as pcapng, for Wireshark.",
    discussion: """
      Writes every packet of its links, with direction and interface, until it is
      interrupted. What cannot be written fast enough is left out, and the file says
      how much was. Checksums that a device is to complete are completed, and
      what a device is to cut into segments stays whole.

      FILTERS
        host ADDRESS, src ADDRESS, dst ADDRESS    10.7.0.2, 10.0.0.0/8, fd00:7::2
        port = :80, sport = :80, dport = :80
        tcp, udp, icmp, and, or, not, ( )

      EXAMPLES
        martlet capture -w - | wireshark -k -i -
        martlet capture -w - | tshark -r -
        martlet capture -w syn.pcapng -c 1000 -s 96 host 10.7.0.2 and port 80
        martlet capture --reasons -w why.pcapng
            every packet with a comment: what the stack decided, and by which rule


      """ + ExitStatus.discussion)

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The file to write; - is standard output.", valueName: "file"))
  var write: String

  @Option(name: .shortAndLong, help: ArgumentHelp("End after so many packets.", valueName: "packets"))
  var count: UInt32?

  @Option(
    name: [.short, .customLong("snapshot-length")],
    help: ArgumentHelp("Keep so many octets of each packet.", valueName: "octets"))
  var snapshotLength: UInt32?

  @Flag(
    help:
      "Write to each packet what the stack decided on it. Switches the flight recorder on for as long, if it is off."
  )
  var reasons = false

  @Flag(name: .shortAndLong, help: "Tell only what fails.")
  var quiet = false

  @OptionGroup var asking: AskOptions

  @Argument(help: ArgumentHelp("Which packets.", valueName: "filter"))
  var filter: [String] = []

  func validate() throws {
    do throws(ControlError) {
      _ = try ControlRequest(parsing: request)
    } catch {
      throw ValidationError(error.sentence)
    }
  }

  private var request: String {
    var words = ["capture"]
    if let snapshotLength { words += ["snaplen", "\(snapshotLength)"] }
    if let count { words += ["count", "\(count)"] }
    if reasons { words.append("reasons") }
    return (words + filter).joined(separator: " ")
  }

  func run() throws {
    try askingPolitely {
      if write == "-", OutputStream.output.isTerminal {
        throw SpecificationError(
          "A capture is nothing to read on a terminal. Pipe it: martlet capture -w - | tshark -r -")
      }
      Interruption.watch()
      let client = try asking.client()
      let recorder = reasons ? try RecorderLoan(of: client, asking) : nil
      defer { recorder?.end() }
      try client.send(request)
      if write == "-" { client.isUnwanted = { OutputStream.output.isBroken } }
      // What is no pcapng is why there is none.
      let first = try client.readOctets()
      guard first.first == 0x0a else { throw ControlClient.Refusal(message: Self.message(of: first)) }
      let file = try open()
      var written = 0
      var octets = first
      while !octets.isEmpty {
        guard try deliver(octets, to: file) else { break }
        written += octets.count
        octets = try client.readOctets()
      }
      if !quiet { OutputStream.error.write("\(written) octets captured.\n") }
    }
  }

  private func open() throws -> FileDescriptor {
    guard write != "-" else { return .standardOutput }
    do {
      return try FileDescriptor.open(
        FilePath(write), .writeOnly, options: [.create, .truncate, .closeOnExec],
        permissions: [.ownerReadWrite])
    } catch {
      throw SpecificationError("Cannot write \(write): \(error). Name another file with --write.")
    }
  }

  /// False: nobody reads any more, which is as good an end as any.
  private func deliver(_ octets: [UInt8], to file: FileDescriptor) throws -> Bool {
    do {
      try file.writeAll(octets)
      return true
    } catch let error as Errno where error == .brokenPipe {
      return false
    } catch {
      throw LinkError(.failed, "Cannot write \(write): \(error).")
    }
  }

  /// Of an answer that is JSON.
  private static func message(of answer: [UInt8]) -> String {
    let line = answer.prefix { $0 != UInt8(ascii: "\n") }
    if case .string(let message) = JSONParser.parse(Array(line))?["message"] { return message }
    return "The stack ended before the first packet."
  }
}
