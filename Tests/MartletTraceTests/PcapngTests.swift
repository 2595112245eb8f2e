import Foundation
import MartletTCP
import MartletTrace
import MartletWire
import Testing

@Suite struct PcapngTests {
  /// The requestAndClose exchange with comments and directions, over two interfaces.
  private func capture() throws -> [UInt8] {
    var file: [UInt8] = []
    var writer = PcapngWriter(
      into: &file, application: "Martlet", comment: "a test", epoch: 1_700_000_000_000_000_000)
    let tun = writer.add(PcapngInterface(.rawIP, name: "tun0", summary: "the 隧道"), into: &file)
    let tap = writer.add(
      PcapngInterface(.ethernet, name: "tap0", resolution: .microseconds, snapLength: 64), into: &file)
    for seen in try Scenario.requestAndClose().ladder.observations {
      let segment = seen.segment
      let packet = Exchange.packet(
        segment.header, from: segment.source, to: segment.destination, text: Int(segment.textCount))
      writer.write(
        packet.span.bytes, at: seen.time, on: tun, direction: seen.from == .left ? .outbound : .inbound,
        comment: segment.flags.text + " ✓", into: &file)
    }
    let frame = [UInt8](repeating: 0xff, count: 12) + [0x88, 0xb5] + [UInt8](repeating: 7, count: 101)
    writer.write(frame.span.bytes, at: Exchange.time(1_000), on: tap, into: &file)
    return file
  }

  private struct Block {
    var kind: UInt32
    var body: ArraySlice<UInt8>
  }

  private func little(_ bytes: ArraySlice<UInt8>, _ offset: Int, _ count: Int) -> UInt32 {
    var value: UInt32 = 0
    for index in (0..<count).reversed() {
      value = value << 8 | UInt32(bytes[bytes.startIndex + offset + index])
    }
    return value
  }

  private func blocks(_ file: [UInt8]) throws -> [Block] {
    var rest = file[...]
    var found: [Block] = []
    while !rest.isEmpty {
      let length = Int(little(rest, 4, 4))
      try #require(length % 4 == 0 && length >= 12 && length <= rest.count)
      #expect(little(rest, length - 4, 4) == UInt32(length))
      found.append(Block(kind: little(rest, 0, 4), body: rest.dropFirst(8).prefix(length - 12)))
      rest = rest.dropFirst(length)
    }
    return found
  }

  private func options(_ bytes: ArraySlice<UInt8>) -> [UInt32: [UInt8]] {
    var rest = bytes
    var found: [UInt32: [UInt8]] = [:]
    while rest.count >= 4 {
      let (code, length) = (little(rest, 0, 2), Int(little(rest, 2, 2)))
      if code == 0 { break }
      found[code] = [UInt8](rest.dropFirst(4).prefix(length))
      rest = rest.dropFirst(4 + (length + 3) / 4 * 4)
    }
    return found
  }

  @Test("blocks, options and packets read back") func layout() throws {
    let blocks = try blocks(try capture())
    #expect(blocks.map { $0.kind } == [0x0a0d_0d0a, 1, 1] + [UInt32](repeating: 6, count: 12))
    #expect(little(blocks[0].body, 0, 4) == 0x1a2b_3c4d)
    #expect(options(blocks[0].body.dropFirst(16))[4] == [UInt8]("Martlet".utf8))
    #expect(little(blocks[1].body, 0, 2) == 101)
    let interface = options(blocks[1].body.dropFirst(8))
    #expect(
      interface[2] == [UInt8]("tun0".utf8) && interface[3] == [UInt8]("the 隧道".utf8) && interface[9] == [9])
    #expect(little(blocks[2].body, 0, 2) == 1)

    let syn = blocks[3].body
    let stamp = UInt64(little(syn, 4, 4)) << 32 | UInt64(little(syn, 8, 4))
    #expect(stamp == 1_700_000_001_000_010_000)
    let count = Int(little(syn, 12, 4))
    let segment = try TracedSegment(packet: [UInt8](syn.dropFirst(20).prefix(count)).span.bytes)
    #expect(segment.flags == .syn && segment.source == Exchange.client)
    let options = options(syn.dropFirst(20 + (count + 3) / 4 * 4))
    #expect(options[1] == [UInt8]("SYN ✓".utf8) && options[2] == [2, 0, 0, 0])

    let frame = try #require(blocks.last).body
    #expect(little(frame, 0, 4) == 1 && little(frame, 12, 4) == 64 && little(frame, 16, 4) == 115)
    #expect(UInt64(little(frame, 4, 4)) << 32 | UInt64(little(frame, 8, 4)) == 1_700_000_001_001_000)
  }

  @Test("a comment longer than its field is cut between characters") func longComment() throws {
    var file: [UInt8] = []
    var writer = PcapngWriter(into: &file)
    let id = writer.add(PcapngInterface(), into: &file)
    let comment = String(repeating: "三", count: 30_000)
    writer.write([UInt8]([0x45]).span.bytes, at: .origin, on: id, comment: comment, into: &file)
    let block = try #require(try blocks(file).last)
    let kept = try #require(options(block.body.dropFirst(24))[1])
    #expect(kept.count <= 65_535 && kept.count > 65_525)
    #expect(comment.utf8.starts(with: kept) && String(validating: kept, as: UTF8.self) != nil)
  }

  @Test("tshark and capinfos read the file, comments and directions and all") func tools() throws {
    guard let tshark = Self.path(of: "tshark"), let capinfos = Self.path(of: "capinfos") else {
      print("tshark or capinfos is not installed: our pcapng was not shown to them")
      return
    }
    let path = NSTemporaryDirectory() + "martlet-\(UInt64.random(in: 0...(.max))).pcapng"
    try Data(try capture()).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    let info = try Self.output(of: capinfos, ["-Mc", path])
    #expect(info.text.contains("12") && info.status == 0, "\(info)")
    let fields = ["frame.comment", "frame.interface_name", "frame.packet_flags_direction", "tcp.flags.str"]
    let rows = try Self.output(
      of: tshark,
      ["-r", path, "-T", "fields"] + fields.flatMap { ["-e", $0] } + ["-o", "tcp.check_checksum:FALSE"])
    #expect(rows.status == 0, "\(rows)")
    let lines = rows.text.split(separator: "\n")
    #expect(lines.count == 12)
    #expect(lines.first?.hasPrefix("SYN ✓\ttun0\t") == true, "\(rows)")
    #expect(lines.last?.contains("tap0") == true)
    let malformed = try Self.output(of: tshark, ["-r", path, "-Y", "_ws.malformed"])
    #expect(malformed.text.isEmpty && malformed.status == 0)
  }

  private static func path(of tool: String) -> String? {
    ["/usr/bin/", "/usr/local/bin/", "/opt/homebrew/bin/"].map { $0 + tool }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  private static func output(of tool: String, _ arguments: [String]) throws -> (text: String, status: Int32) {
    let run = Process()
    let pipe = Pipe()
    run.executableURL = URL(fileURLWithPath: tool)
    run.arguments = arguments
    run.standardOutput = pipe
    run.standardError = FileHandle.nullDevice
    try run.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    run.waitUntilExit()
    return (String(decoding: data, as: UTF8.self), run.terminationStatus)
  }
}
