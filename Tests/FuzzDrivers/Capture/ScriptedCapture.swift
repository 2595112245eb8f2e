#if !hasFeature(Embedded)
  import MartletTCP
  import MartletTrace
  import MartletWire

  /// A capture out of a script: of any form, byte order, clock and kind of link, with segments of a few flows near their real
  /// numbers. Then some of its octets are changed, and it may break off.
  struct ScriptedCapture {
    private var script: ByteScript
    private var file: [UInt8] = []
    private var isBigEndian = false
    private var isClassic = false
    private var linkType: UInt16 = 1
    private var snapLength = 0
    private var time: UInt64 = 1_700_000_000_000_000_000
    /// What each of four flows sends next, from left and right.
    private var next: [(left: UInt32, right: UInt32)]

    private static let linkTypes: [UInt16] = [1, 1, 1, 101, 101, 113, 276, 0, 108, 12, 228, 229, 147]

    init(_ script: ByteScript) {
      self.script = script
      // Flow 0 is close to a wrap.
      next = (0..<4).map { (UInt32.max - 300 &+ $0 &* 0x1357_9bdf, 0x9000_0000 &+ $0) }
    }

    mutating func write() -> [UInt8] {
      let form = script.next()
      isClassic = form & 1 != 0
      isBigEndian = form & 2 != 0
      snapLength = form & 4 == 0 ? 0 : 40 + Int(script.next())
      linkType = Self.linkTypes[Int(form >> 3) % Self.linkTypes.count]
      begin(isFine: form & 128 != 0)
      while !script.isAtEnd, file.count < 40_000 { step() }
      return file
    }

    private mutating func step() {
      let instruction = script.next()
      switch instruction & 31 {
      case 0...23: add(packet(instruction))
      case 24: time &+= UInt64(script.next()) &* 100_000_000
      case 25: time &-= UInt64(script.next()) &* 1_000
      case 26: for _ in 0..<4 where !isClassic { file.append(script.next()) }
      case 27: add((0..<Int(script.next())).map { _ in script.next() })
      case 28, 29: spoil()
      case 30: if !isClassic { beginSection(isFine: script.next() & 1 != 0) }
      default: file.removeLast(min(file.count, Int(script.next() & 63)))
      }
    }

    /// One octet anywhere becomes another.
    private mutating func spoil() {
      guard !file.isEmpty else { return }
      file[Int(script.next16()) % file.count] = script.next()
    }

    // MARK: Segments

    /// The low bits say what is sent, the next ones by whom.
    private mutating func packet(_ instruction: UInt8) -> [UInt8] {
      let flow = Int(instruction >> 5 & 3)
      let isLeft = instruction < 128
      let kind = script.next()
      let (own, peer) = isLeft ? (next[flow].left, next[flow].right) : (next[flow].right, next[flow].left)
      let flags: [TCPFlags] = [
        .ack, .ack, [.ack, .psh], .syn, [.syn, .ack], [.fin, .ack], .rst, [.rst, .ack],
      ]
      let chosen = flags[Int(kind & 7)]
      let text = kind & 8 == 0 ? 0 : Int(script.next())
      let seq = own &+ (kind & 16 == 0 ? 0 : distance())
      let ack = peer &+ (kind & 32 == 0 ? 0 : distance())
      let window: UInt16 = kind & 64 == 0 ? 502 : UInt16(script.next()) & 3
      var options = TCPOptions()
      if kind & 128 != 0 { options = drawOptions(peer) }
      let header = TCPHeader(
        sourcePort: isLeft ? 40_000 &+ UInt16(flow) : 80,
        destinationPort: isLeft ? 80 : 40_000 &+ UInt16(flow),
        seq: SequenceNumber(seq), ack: SequenceNumber(ack), flags: chosen, window: UnscaledWindow(window),
        options: options)
      let end = seq &+ UInt32(text) &+ chosen.sequenceLength
      if SequenceNumber(end).follows(SequenceNumber(own)) {
        if isLeft { next[flow].left = end } else { next[flow].right = end }
      }
      return framed(header, text: text, isVersion6: flow == 3, isLeft)
    }

    private mutating func distance() -> UInt32 { UInt32(truncatingIfNeeded: script.nextDistance()) }

    private mutating func drawOptions(_ peer: UInt32) -> TCPOptions {
      var options = TCPOptions()
      let kind = script.next()
      if kind & 1 != 0 {
        options.present.insert(.windowScale)
        options.windowScale = WindowScale(script.next() & 15)
      }
      if kind & 2 != 0 {
        options.present.insert(.sack)
        options.sackCount = 1
        options.sack[0] = SACKBlock(
          start: SequenceNumber(peer &+ distance()), end: SequenceNumber(peer &+ distance()))
      }
      if kind & 4 != 0 { options.present.insert(.timestamps) }
      return options
    }

    private mutating func framed(_ header: TCPHeader, text: Int, isVersion6: Bool, _ isLeft: Bool) -> [UInt8]
    {
      let count = header.encodedCount + text
      var ip: [UInt8]
      if isVersion6 {
        ip = [0x60, 0, 0, 0, UInt8(count >> 8), UInt8(count & 255), 6, 64]
        for end in [isLeft, !isLeft] { ip += [0xfd] + [UInt8](repeating: 0, count: 14) + [end ? 1 : 2] }
      } else {
        let total = count + 20
        ip = [0x45, 0, UInt8(total >> 8), UInt8(total & 255), 0, 0, 0, 0, 64, 6, 0, 0]
        for end in [isLeft, !isLeft] { ip += [10, 0, 0, end ? 1 : 2] }
      }
      ip +=
        octets(header.encodedCount) { header.write(into: &$0, at: 0) } + [UInt8](repeating: 0, count: text)
      return link(isVersion6) + ip
    }

    /// What stands before IP.
    private mutating func link(_ isVersion6: Bool) -> [UInt8] {
      let type: [UInt8] = isVersion6 ? [0x86, 0xdd] : [8, 0]
      return switch linkType {
      case 1: [UInt8](repeating: 2, count: 12) + type
      case 113: [UInt8](repeating: 0, count: 14) + type
      case 276: type + [UInt8](repeating: 0, count: 18)
      case 0, 108: [2, 0, 0, 0]
      default: []
      }
    }

    // MARK: Files

    private mutating func begin(isFine: Bool) {
      guard isClassic else { return beginSection(isFine: isFine) }
      add32(isFine ? 0xa1b2_3c4d : 0xa1b2_c3d4)
      add16(2)
      add16(4)
      for word in [0, 0, UInt32(snapLength), UInt32(linkType)] { add32(word) }
    }

    private mutating func beginSection(isFine: Bool) {
      addBlock(0x0a0d_0d0a) {
        $0.add32(0x1a2b_3c4d)
        $0.add16(1)
        $0.add16(0)
        $0.add32(.max)
        $0.add32(.max)
      }
      addBlock(1) {
        $0.add16($0.linkType)
        $0.add16(0)
        $0.add32(UInt32($0.snapLength))
        if isFine {
          $0.add16(9)
          $0.add16(1)
          $0.file += [9, 0, 0, 0]
        }
      }
    }

    private mutating func add(_ packet: [UInt8]) {
      time &+= 100_000
      let kept = snapLength == 0 ? packet : Array(packet.prefix(snapLength))
      if isClassic {
        add32(UInt32(truncatingIfNeeded: time / 1_000_000_000))
        add32(UInt32(truncatingIfNeeded: time % 1_000_000_000 / 1_000))
        add32(UInt32(kept.count))
        add32(UInt32(packet.count))
        file += kept
        return
      }
      let stamp = time / 1_000
      addBlock(6) {
        for word in [0, UInt32(truncatingIfNeeded: stamp >> 32), UInt32(truncatingIfNeeded: stamp)] {
          $0.add32(word)
        }
        $0.add32(UInt32(kept.count))
        $0.add32(UInt32(packet.count))
        $0.file += kept
      }
    }

    private mutating func addBlock(_ type: UInt32, _ body: (inout Self) -> Void) {
      let start = file.count
      add32(type)
      add32(0)
      body(&self)
      file += [UInt8](repeating: 0, count: (4 - file.count & 3) & 3 + start & 3)
      let count = UInt32(file.count - start + 4)
      add32(count)
      let length = Array(file.suffix(4))
      file.replaceSubrange(start + 4..<start + 8, with: length)
    }

    private mutating func add16(_ number: UInt16) {
      let (high, low) = (UInt8(number >> 8), UInt8(number & 255))
      file += isBigEndian ? [high, low] : [low, high]
    }

    private mutating func add32(_ number: UInt32) {
      let (high, low) = (UInt16(number >> 16), UInt16(number & 0xffff))
      if isBigEndian {
        add16(high)
        add16(low)
      } else {
        add16(low)
        add16(high)
      }
    }
  }
#endif
