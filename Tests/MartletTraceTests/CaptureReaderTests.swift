import MartletTCP
import MartletTrace
import MartletWire
import Testing

@Suite("Reading captures")
struct CaptureReaderTests {
  private static let epoch: UInt64 = 1_700_000_000_000_000_000

  /// What `PcapngWriter` makes: two interfaces, comments, directions.
  private func written() -> [UInt8] {
    var file: [UInt8] = []
    var writer = PcapngWriter(into: &file, application: "Martlet", epoch: Self.epoch)
    let tun = writer.add(PcapngInterface(.rawIP, name: "tun0"), into: &file)
    let tap = writer.add(
      PcapngInterface(.ethernet, name: "隧道", resolution: .microseconds, snapLength: 6), into: &file)
    for n in 1...3 {
      let packet = [UInt8](repeating: UInt8(n), count: 10 + n)
      writer.write(
        packet.span.bytes, at: Instant(nanoseconds: UInt64(n) * 1_001), on: n == 2 ? tap : tun,
        direction: n == 1 ? .inbound : .outbound, comment: n == 3 ? "third ✓" : "", into: &file)
    }
    return file
  }

  private func all(_ file: [UInt8]) throws(CaptureError) -> (CaptureReader, [CapturedPacket]) {
    var reader = try CaptureReader(file.span.bytes)
    var packets: [CapturedPacket] = []
    while let packet = try reader.next(in: file.span.bytes) { packets.append(packet) }
    return (reader, packets)
  }

  private func failure(_ file: [UInt8]) -> CaptureError? {
    do throws(CaptureError) {
      _ = try all(file)
      return nil
    } catch {
      return error
    }
  }

  /// The same in the other byte order, where all that follows is whole words.
  private func swapped(_ words: [UInt32], bigEndian: Bool) -> [UInt8] {
    words.flatMap { word in withUnsafeBytes(of: bigEndian ? word.bigEndian : word.littleEndian) { Array($0) }
    }
  }

  @Test("What was written comes back: octets, times, directions, comments, interfaces")
  func roundTrip() throws {
    let file = written()
    let (reader, packets) = try all(file)
    #expect(
      reader.interfaces.map(\.name) == ["tun0", "隧道"] && reader.interfaces.map(\.linkType) == [101, 1])
    #expect(packets.map(\.interface) == [0, 1, 0] && packets.map(\.originalCount) == [11, 12, 13])
    #expect(
      packets.map { Array(file[$0.octets]) } == [
        [UInt8](repeating: 1, count: 11), [UInt8](repeating: 2, count: 6), [UInt8](repeating: 3, count: 13),
      ])
    #expect(packets.map(\.time) == [Self.epoch + 1_001, Self.epoch + 2_000, Self.epoch + 3_003])
    #expect(packets.map(\.direction) == [.inbound, .outbound, .outbound])
    #expect(packets[0].comment == nil)
    let comment = try #require(packets[2].comment)
    #expect(String(decoding: file[comment], as: UTF8.self) == "third ✓")
  }

  @Test("pcap of either order, in microseconds and nanoseconds", arguments: [false, true], [false, true])
  func classic(bigEndian: Bool, fine: Bool) throws {
    var file = swapped([fine ? 0xa1b2_3c4d : 0xa1b2_c3d4], bigEndian: bigEndian)
    file += bigEndian ? [0, 2, 0, 4] : [2, 0, 4, 0]
    // The upper bits of the link type tell of a check sequence.
    file += swapped([0, 0, 65_535, 0x5000_0001], bigEndian: bigEndian)
    file += swapped([7, 5, 3, 60], bigEndian: bigEndian) + [1, 2, 3]
    file += swapped([8, 6, 0, 0], bigEndian: bigEndian)
    let (reader, packets) = try all(file)
    #expect(reader.interfaces.map(\.linkType) == [1])
    #expect(packets.map { Array(file[$0.octets]) } == [[1, 2, 3], []])
    #expect(packets.map(\.originalCount) == [60, 0])
    #expect(packets.map(\.time) == (fine ? [7_000_000_005, 8_000_000_006] : [7_000_005_000, 8_000_006_000]))
    for count in 25..<file.count where count != 43 {
      #expect(failure(Array(file.prefix(count))) == .truncated(at: count < 43 ? 24 : 43))
    }
  }

  /// A section of the other order with simple and obsolete packets, and clocks of every kind.
  @Test(
    "pcapng of either order, sections, simple and obsolete packets, odd clocks", arguments: [false, true])
  func sections(bigEndian: Bool) throws {
    func words(_ words: UInt32...) -> [UInt8] { swapped(words, bigEndian: bigEndian) }
    func option(_ code: UInt16, _ value: [UInt8]) -> [UInt8] {
      let head =
        bigEndian ? UInt32(code) << 16 | UInt32(value.count) : UInt32(value.count) << 16 | UInt32(code)
      return words(head) + value + [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
    }
    func block(_ kind: UInt32, _ body: [UInt8]) -> [UInt8] {
      let count = UInt32(12 + body.count)
      return words(kind, count) + body + words(count)
    }
    let section = block(0x0a0d_0d0a, words(0x1a2b_3c4d, bigEndian ? 0x0001_0000 : 1, .max, .max))
    let linkType: UInt32 = bigEndian ? 0x0071_0000 : 0x0071
    // 2^-10 s and an offset; 10^-3 s; 10^-12 s.
    let binary = block(
      1,
      words(linkType, 0) + option(9, [0x8a]) + option(14, bigEndian ? words(0, 100) : words(100, 0))
        + words(0))
    let coarse = block(1, words(linkType, 96) + option(9, [3]) + words(0))
    let finest = block(1, words(linkType, 0) + option(9, [12]))
    let file =
      section + binary + coarse + finest + block(0xbad, words(1, 2, 3))
      + block(6, words(0, 0, 1_536, 2, 2) + [1, 2, 0, 0]) + block(6, words(1, 0, 1_536, 0, 0))
      + block(6, words(2, 1, 0, 0, 0)) + section + coarse + block(3, words(3) + [7, 8, 9, 0])
      + block(2, words(0, 0, 5, 1, 9) + [4, 0, 0, 0])
    let (reader, packets) = try all(file)
    #expect(reader.interfaces.count == 4 && reader.interfaces.allSatisfy { $0.linkType == 0x71 })
    #expect(packets.map(\.interface) == [0, 1, 2, 3, 3])
    #expect(packets.map(\.time) == [101_500_000_000, 1_536_000_000, 4_294_967, 0, 5_000_000])
    #expect(packets.map { Array(file[$0.octets]) } == [[1, 2], [], [], [7, 8, 9], [4]])
    #expect(packets.map(\.originalCount) == [2, 0, 0, 3, 9])
    // A packet of an interface of the section before is none's.
    let stranger = section + binary + section + block(6, words(0, 0, 0, 0, 0))
    #expect(failure(stranger) == .malformed(at: UInt64(section.count * 2 + binary.count + 8)))
  }

  @Test("P1 what is cut off or makes no sense is an error that tells where; what came before is good")
  func bad() throws {
    let file = written()
    let (_, packets) = try all(file)
    var seen = 0
    for count in 0..<file.count {
      let part = Array(file.prefix(count))
      guard count >= 4 else {
        #expect(failure(part) == (count == 0 ? .notACapture : .truncated(at: 0)))
        continue
      }
      do throws(CaptureError) {
        var reader = try CaptureReader(part.span.bytes)
        var number = 0
        while let packet = try reader.next(in: part.span.bytes) {
          #expect(packet == packets[number])
          number += 1
        }
        seen = max(seen, number)
      } catch {
        guard case .truncated = error else {
          Issue.record("\(error) at \(count)")
          return
        }
      }
    }
    #expect(seen == 2)
    #expect(failure([UInt8]("GET / HTTP/1.1".utf8)) == .notACapture)
    for (place, value) in [(8, UInt8(0)), (4, 3), (4, 0)] {
      var wrong = file
      wrong[place] = value
      #expect(failure(wrong) == .malformed(at: 0))
    }
  }

  @Test("What is handed in by parts, of any size, is what the whole is", arguments: [1, 3, 8, 40, 1_000])
  func parts(size: Int) throws {
    let file = written()
    let (_, expected) = try all(file)
    var window = Array(file.prefix(28))
    var handedIn = window.count
    var reader = try CaptureReader(window.span.bytes)
    var octets: [[UInt8]] = []
    while octets.count < expected.count {
      do throws(CaptureError) {
        if let packet = try reader.next(in: window.span.bytes) {
          octets.append(Array(window[packet.octets]))
          continue
        }
      } catch {
        guard case .truncated = error else { throw error }
      }
      guard handedIn < file.count else { break }
      window.removeFirst(reader.letGo())
      window += file[handedIn..<min(handedIn + size, file.count)]
      handedIn += size
    }
    #expect(octets == expected.map { Array(file[$0.octets]) })
    // Places count from the beginning of the file, whatever was let go.
    _ = reader.letGo()
    let rest = [UInt8](repeating: 0, count: 12)
    do throws(CaptureError) {
      _ = try reader.next(in: rest.span.bytes)
      Issue.record("a block of no length")
    } catch {
      #expect(error == .malformed(at: UInt64(file.count)))
    }
  }

  @Test("Where IP begins, by the kind of link")
  func network() throws {
    func start(_ linkType: UInt16, _ octets: [UInt8]) -> Int? {
      CapturedInterface(linkType: linkType).startOfIP(in: octets.span.bytes)
    }
    let addresses = [UInt8](repeating: 2, count: 12)
    let ip: [UInt8] = [0x45, 0, 0, 20]
    for bare: UInt16 in [12, 14, 101, 228, 229] { #expect(start(bare, ip) == 0) }
    #expect(start(101, [0x60]) == 0 && start(101, [0x30]) == nil && start(101, []) == nil)
    #expect(
      start(0, [2, 0, 0, 0] + ip) == 4 && start(108, [0, 0, 0, 2] + ip) == 4 && start(0, [2, 0, 0, 0]) == nil)
    #expect(start(1, addresses + [8, 0] + ip) == 14 && start(1, addresses + [0x86, 0xdd, 0x60]) == 14)
    #expect(start(1, addresses + [0x81, 0, 0, 7, 8, 0] + ip) == 18)
    #expect(start(1, addresses + [0x88, 0xa8, 0, 7, 0x81, 0, 0, 7, 8, 0] + ip) == 22)
    #expect(
      start(1, addresses + [8, 6] + ip) == nil && start(1, addresses) == nil
        && start(1, addresses + [8, 0]) == nil)
    #expect(start(113, [UInt8](repeating: 0, count: 14) + [8, 0] + ip) == 16)
    #expect(start(113, [UInt8](repeating: 0, count: 14) + [8, 6] + ip) == nil)
    #expect(start(276, [8, 0] + [UInt8](repeating: 0, count: 18) + ip) == 20)
    #expect(start(195, ip) == nil)
  }

  @Test("P1 no octets make it trap or stand still, whatever they are")
  func anything() {
    var state: UInt64 = 12
    func random() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
    let file = written()
    for _ in 0..<20_000 {
      var wrong = file
      for _ in 0...(random() % 4) { wrong[Int(random()) % wrong.count] = UInt8(truncatingIfNeeded: random()) }
      guard var reader = try? CaptureReader(wrong.span.bytes) else { continue }
      var steps = 0
      while let packet = try? reader.next(in: wrong.span.bytes) {
        #expect(packet.octets.upperBound <= wrong.count)
        steps += 1
      }
      #expect(steps <= wrong.count / 12)
    }
  }
}
