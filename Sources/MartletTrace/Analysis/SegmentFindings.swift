/// What is odd about a segment, as somebody sees it who watches the flow at one place.
///
/// The first seven exclude each other, and so do the three about acknowledgments that say nothing new.
public struct SegmentFindings: OptionSet, Equatable, BitwiseCopyable, Sendable {
  public var rawValue: UInt16

  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// All of it has passed before, and nothing more telling fits.
  public static var retransmission: Self { Self(rawValue: 1) }
  /// … right after duplicate acknowledgments asked for it.
  public static var fastRetransmission: Self { Self(rawValue: 1 << 1) }
  /// … although the peer had acknowledged it.
  public static var spuriousRetransmission: Self { Self(rawValue: 1 << 2) }
  /// It comes behind what was sent later, sooner than anybody could have sent it again.
  public static var outOfOrder: Self { Self(rawValue: 1 << 3) }
  /// One octet below SND.NXT at most, to hear whether the peer is there.
  public static var keepAlive: Self { Self(rawValue: 1 << 4) }
  /// An octet into a shut window.
  public static var windowProbe: Self { Self(rawValue: 1 << 5) }
  /// Something before it did not pass here: it was lost, or is late.
  public static var gap: Self { Self(rawValue: 1 << 6) }
  /// It says the same as the one before: something arrived out of order.
  public static var duplicateAcknowledgment: Self { Self(rawValue: 1 << 7) }
  /// It answers a keep-alive.
  public static var keepAliveAnswer: Self { Self(rawValue: 1 << 8) }
  /// It only says that there is another amount of room now.
  public static var windowUpdate: Self { Self(rawValue: 1 << 9) }
  /// Its sender takes nothing more for now.
  public static var zeroWindow: Self { Self(rawValue: 1 << 10) }
  /// It acknowledges what did not pass here.
  public static var acknowledgesUnseen: Self { Self(rawValue: 1 << 11) }
  /// The ports had a connection before.
  public static var portsUsedAgain: Self { Self(rawValue: 1 << 12) }
  /// It begins beyond the window that the peer has offered.
  public static var beyondWindow: Self { Self(rawValue: 1 << 13) }

  /// Each of them by itself, in the order in which they are told.
  public static var each: [Self] { (0..<kinds).map { Self(rawValue: 1 << $0) } }
  static var kinds: Int { 14 }

  /// The words of all that are set, with commas.
  public func text(_ language: Language) -> String {
    joined(Self.each.filter { contains($0) }.map { $0.word(language) }, by: language == .english ? ", " : "，")
  }

  /// The English words of all that are set, each by itself.
  public var names: [String] { Self.each.filter { contains($0) }.map { $0.word(.english) } }

  private func word(_ language: Language) -> String {
    let texts: (english: String, chinese: String) =
      switch self {
      case .retransmission: ("retransmission", "重传")
      case .fastRetransmission: ("fast retransmission", "快速重传")
      case .spuriousRetransmission: ("needless retransmission", "不必要的重传")
      case .outOfOrder: ("out of order", "乱序")
      case .keepAlive: ("keep-alive", "保活")
      case .windowProbe: ("window probe", "零窗口探测")
      case .gap: ("gap before it", "前有缺口")
      case .duplicateAcknowledgment: ("duplicate ACK", "重复 ACK")
      case .keepAliveAnswer: ("keep-alive answered", "保活应答")
      case .windowUpdate: ("window update", "窗口更新")
      case .zeroWindow: ("zero window", "零窗口")
      case .acknowledgesUnseen: ("acknowledges what was not seen", "确认了未见到的数据")
      case .portsUsedAgain: ("ports used again", "端口重用")
      case .beyondWindow: ("beyond the window", "超出窗口")
      default: ("", "")
      }
    return language == .english ? texts.english : texts.chinese
  }
}
