import Foundation
import MartletTCP
import MartletTrace
import MartletWire
import Testing

/// Nil: it was not built beside the tests.
private let command: URL? = {
  let tests = URL(fileURLWithPath: ProcessInfo.processInfo.arguments[0]).resolvingSymlinksInPath()
  let command = tests.deletingLastPathComponent().appendingPathComponent("martlet")
  return FileManager.default.isExecutableFile(atPath: command.path) ? command : nil
}()

/// `martlet ladder` as somebody at a shell has it: arguments and files in, output and exit status out.
@Suite("martlet ladder", .enabled(if: command != nil))
struct LadderCommandTests {
  private struct Outcome {
    var output: String
    var complaint: String
    var status: Int32
    var lines: [Substring] { output.split(separator: "\n") }
  }

  private func ladder(_ file: [UInt8], _ arguments: [String], environment: [String: String] = [:]) throws
    -> Outcome
  {
    let path = NSTemporaryDirectory() + "martlet-\(UInt64.random(in: 0...(.max))).pcapng"
    try Data(file).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try run([path] + arguments, environment)
  }

  private func run(_ arguments: [String], _ environment: [String: String] = [:]) throws -> Outcome {
    let run = Process()
    let (output, complaint) = (Pipe(), Pipe())
    run.executableURL = command
    run.arguments = ["ladder"] + arguments
    run.environment = environment
    run.standardInput = FileHandle.nullDevice
    run.standardOutput = output
    run.standardError = complaint
    try run.run()
    let said = output.fileHandleForReading.readDataToEndOfFile()
    let complained = complaint.fileHandleForReading.readDataToEndOfFile()
    run.waitUntilExit()
    return Outcome(
      output: String(decoding: said, as: UTF8.self), complaint: String(decoding: complained, as: UTF8.self),
      status: run.terminationStatus)
  }

  // MARK: Captures

  /// A flow that is opened, carries 100 octets twice and is closed by the client; and a SYN that is refused.
  private func capture(linkType: LinkType = .rawIP, flows: Int = 2) -> [UInt8] {
    var file: [UInt8] = []
    var writer = PcapngWriter(into: &file)
    let id = writer.add(PcapngInterface(linkType), into: &file)
    var now: Int64 = 0
    func pass(
      _ isClient: Bool, _ flags: TCPFlags, _ seq: UInt32, _ ack: UInt32, text: Int = 0, port: UInt16 = 40_112
    ) {
      now += 10
      let packet = packet(isClient, flags, seq, ack, text, port)
      writer.write(packet.span.bytes, at: Instant(nanoseconds: UInt64(now) * 1_000_000), on: id, into: &file)
    }
    pass(true, .syn, 0, 0)
    pass(false, [.syn, .ack], 0, 1)
    pass(true, .ack, 1, 1)
    pass(true, [.ack, .psh], 1, 1, text: 100)
    now += 1_000
    pass(true, [.ack, .psh], 1, 1, text: 100)
    pass(false, .ack, 1, 101)
    pass(true, [.ack, .fin], 101, 1)
    pass(false, [.ack, .fin], 1, 102)
    pass(true, .ack, 102, 2)
    guard flows > 1 else { return file }
    pass(true, .syn, 0, 0, port: 40_113)
    pass(false, [.rst, .ack], 0, 1, port: 40_113)
    return file
  }

  private func packet(
    _ isClient: Bool, _ flags: TCPFlags, _ seq: UInt32, _ ack: UInt32, _ text: Int, _ port: UInt16
  ) -> [UInt8] {
    let header = TCPHeader(
      sourcePort: isClient ? port : 80, destinationPort: isClient ? 80 : port, seq: SequenceNumber(seq),
      ack: SequenceNumber(ack), flags: flags, window: UnscaledWindow(502), options: TCPOptions())
    let addresses = (client: IPv4Address(10, 7, 0, 2), server: IPv4Address(10, 7, 0, 1))
    let ip = IPv4Header(
      totalCount: UInt16(40 + text), proto: .tcp, source: isClient ? addresses.client : addresses.server,
      destination: isClient ? addresses.server : addresses.client)
    var bytes = [UInt8](repeating: 0, count: 40 + text)
    var all = bytes.mutableSpan
    var span = all.mutableBytes
    ip.write(into: &span, at: 0)
    header.write(into: &span, at: IPv4Header.encodedCount)
    return bytes
  }

  // MARK: What is shown

  @Test("Several flows are a list with their fates and what is odd; --list lists a single one, too")
  func list() throws {
    for (flows, arguments) in [(2, []), (2, ["--list"]), (1, ["--list"])] {
      let outcome = try ladder(capture(flows: flows), arguments)
      #expect(outcome.status == 0 && outcome.complaint.isEmpty, "\(outcome)")
      try #require(outcome.lines.count == flows + 1)
      #expect(outcome.lines[0].hasPrefix("#") && outcome.lines[0].contains("fate"))
      #expect(outcome.lines[1].contains("10.7.0.2:40112") && outcome.lines[1].contains("closed"))
      #expect(outcome.lines[1].hasSuffix("1 retransmission"))
      if flows == 2 { #expect(outcome.lines[2].hasSuffix("refused")) }
    }
  }

  @Test(
    "The only flow, or the one of --flow, is drawn with inferred states; in Chinese, narrow, as a picture")
  func oneFlow() throws {
    let only = try ladder(capture(flows: 1), [], environment: ["COLUMNS": "100"])
    let chosen = try ladder(capture(), ["--flow", "1", "--columns", "100"])
    #expect(only.output == chosen.output && only.status == 0)
    for word in ["SYN", "TIME-WAIT*", "retransmission", "three-segment close"] {
      #expect(only.output.contains(word), "\(word)")
    }
    let refused = try ladder(capture(), ["--flow", "2"])
    #expect(refused.output.contains("RST") && !refused.output.contains("FIN"))
    let chinese = try ladder(capture(), ["--flow", "1", "--lang", "zh"])
    #expect(chinese.output.contains("重传"))
    for columns in [20, 48, 60, 91, 92, 200] {
      let outcome = try ladder(capture(), ["--flow", "1", "--columns", "\(columns)"])
      #expect(outcome.lines.allSatisfy { $0.count <= max(columns, 48) }, "\(columns)")
    }
    let ascii = try ladder(capture(), ["--flow", "1", "--ascii"])
    #expect(ascii.output.utf8.allSatisfy { $0 < 128 })
    for (form, beginning) in [("--svg", "<svg"), ("--html", "<!doctype html>"), ("--mermaid", "---\ntitle:")]
    {
      let outcome = try ladder(capture(), ["--flow", "1", form])
      #expect(outcome.status == 0 && outcome.output.lowercased().hasPrefix(beginning.lowercased()), "\(form)")
    }
  }

  @Test("What is no terminal gets no colours, with NO_COLOR or without")
  func colours() throws {
    for environment in [[:], ["NO_COLOR": "1"], ["TERM": "xterm-256color", "COLUMNS": "80"]] {
      #expect(!(try ladder(capture(), ["--flow", "1"], environment: environment).output.contains("\u{1b}")))
    }
  }

  @Test("Findings are a line for each segment that has one, with its number in the capture")
  func findings() throws {
    let text = try ladder(capture(), ["--findings"])
    try #require(text.lines.count == 1 && text.status == 0)
    #expect(text.lines[0].contains(" 5  #1") && text.lines[0].hasSuffix("len=100  retransmission"))
    let json = try ladder(capture(), ["--findings", "--json"])
    #expect(
      json.output == #"{"type":"finding","packet":5,"flow":1,"from":"client","findings":["retransmission"]}"#
        + "\n")
  }

  @Test("Changes of state are a line each, in their order; of all flows, or of one")
  func states() throws {
    let all = try ladder(capture(), ["--states"])
    #expect(all.status == 0 && all.lines.count == 11, "\(all)")
    #expect(all.lines.first?.hasSuffix("CLOSED* → SYN-SENT*") == true)
    #expect(all.lines.first?.contains("0.000 ms  #1    client  10.7.0.2:40112 ↔ 10.7.0.1:80") == true)
    let one = try ladder(capture(), ["--states", "--flow", "2", "--lang", "zh"])
    #expect(one.lines.allSatisfy { $0.contains("#2") } && one.output.contains("客户端"))
    let json = try ladder(capture(), ["--states", "--json"])
    #expect(json.lines.count == all.lines.count)
    #expect(
      json.lines[0]
        == #"{"type":"state","time_ns":10000000,"flow":1,"side":"client","local":"10.7.0.2:40112","remote":"10.7.0.1:80","old":"CLOSED","new":"SYN-SENT"}"#
    )
    let few = try ladder(capture(), ["--states", "--segments", "3"])
    #expect(few.complaint.contains("6 segments were not looked at; --segments takes a larger number"))
  }

  @Test(
    "As JSON every line is an object",
    arguments: [["--list"], ["--flow", "1"], ["--findings"], ["--states"]])
  func json(arguments: [String]) throws {
    let outcome = try ladder(capture(), arguments + ["--json"])
    #expect(outcome.status == 0 && !outcome.lines.isEmpty)
    for line in outcome.lines {
      #expect(try JSONSerialization.jsonObject(with: Data(line.utf8)) is [String: Any])
    }
  }

  @Test("A flood of SYNs is told as one")
  func flood() throws {
    var file: [UInt8] = []
    var writer = PcapngWriter(into: &file)
    let id = writer.add(PcapngInterface(.rawIP), into: &file)
    for port in UInt16(2_000)..<2_150 {
      let packet = packet(true, .syn, UInt32(port) * 7_919, 0, 0, port)
      writer.write(packet.span.bytes, at: Instant(nanoseconds: UInt64(port) * 1_000), on: id, into: &file)
    }
    let outcome = try ladder(file, [])
    #expect(
      outcome.lines.last == "150 of these flows to 10.7.0.1:80 never got beyond their SYN-ACK: a SYN flood?")
  }

  // MARK: What is refused

  @Test("A file that breaks off gives what came before, and says where; what has nothing fails, and says why")
  func badFiles() throws {
    let whole = capture()
    let cut = try ladder(Array(whole.dropLast(3)), [])
    #expect(cut.status == 0 && cut.complaint.contains("ends in the middle, at octet") && cut.lines.count == 3)
    var wrong = whole
    wrong[wrong.count - 1] ^= 0x55
    let contradicting = try ladder(wrong, [])
    #expect(contradicting.status == 0 && contradicting.complaint.contains("makes no sense at octet"))
    let nothing: [([UInt8], String)] = [
      ([], "This is no capture"), (Array("GET / HTTP/1.1\r\n".utf8), "This is no capture"),
      (Array(whole.prefix(7)), "ends within its first block"), (Array(whole.prefix(28)), "has no packets"),
      (capture(linkType: .ethernet), "11 packets, and no TCP segment"),
    ]
    for (file, words) in nothing {
      for arguments in [[], ["--flow", "1"], ["--findings"], ["--states"], ["--list", "--json"]] {
        let outcome = try ladder(file, arguments)
        #expect(
          outcome.status == 1 && outcome.complaint.contains(words) && outcome.output.isEmpty, "\(outcome)")
      }
    }
    var unknown = whole
    // The link type of the first interface.
    let place = 36
    #expect(whole[place] == 101)
    unknown[place] = 147
    let foreign = try ladder(unknown, [])
    #expect(
      foreign.status == 1 && foreign.complaint.contains("link type 147, which this command cannot read"))
    let missing = try run(["/nowhere/nothing.pcap"])
    #expect(
      missing.status == 1 && missing.complaint.contains("Cannot read /nowhere/nothing.pcap: No such file"))
  }

  @Test(
    "Arguments that make no sense are told with what to write",
    arguments: [
      (["--flow", "0"], "The first is 1"), (["--flow", "9"], "There are 2 flows"),
      (["--segments", "0"], "from 1 to 1000000"),
      (["--list", "--flow", "1"], "choose one"), (["--states", "--list"], "choose one"),
      (["--states", "--findings"], "choose one"), (["--columns", "3"], "from 48 to 1000"),
      (["--lang", "xx"], "en or zh"),
      (["--flow", "9", "--states"], "There are 2 flows"),
    ])
  func arguments(_ arguments: [String], _ words: String) throws {
    let outcome = try ladder(capture(), arguments)
    #expect(outcome.status == 64 && outcome.complaint.contains(words) && outcome.output.isEmpty, "\(outcome)")
  }
}
