import MartletTCP
import Testing

/// The reference vectors: key 00…0f, message 00, 01, 02 …
@Suite struct SipHashTests {
  private let key = SipKey(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)

  private func word(_ i: UInt64) -> UInt64 {
    (0..<8).reduce(0) { $0 | ((i * 8 + $1) << ($1 * 8)) }
  }

  @Test(
    "SipHash-2-4 of bytes",
    arguments: [
      (0, 0x726f_db47_dd0e_0e31), (1, 0x74f8_39c5_93dc_67fd), (7, 0xab02_00f5_8b01_d137),
      (8, 0x93f5_f579_9a93_2462), (15, 0xa129_ca61_49be_45e5), (16, 0x3f2a_cc7f_57c2_9bdb),
      (63, 0x958a_324c_eb06_4572),
    ] as [(UInt8, UInt64)])
  func bytes(count: UInt8, expected: UInt64) {
    let message = [UInt8](0..<count)
    #expect(SipHash.hash24(key, bytes: message.span.bytes) == expected)
  }

  @Test func `SipHash-2-4 of one to six words`() {
    let (a, b, c, d, e, f) = (word(0), word(1), word(2), word(3), word(4), word(5))
    #expect(SipHash.hash24(key, a) == 0x93f5_f579_9a93_2462)
    #expect(SipHash.hash24(key, a, b) == 0x3f2a_cc7f_57c2_9bdb)
    #expect(SipHash.hash24(key, a, b, c) == 0xb8ad_50c6_f649_af94)
    #expect(SipHash.hash24(key, a, b, c, d) == 0x7127_512f_72f2_7cce)
    #expect(SipHash.hash24(key, a, b, c, d, e) == 0x0e3e_a96b_5304_a7d0)
    #expect(SipHash.hash24(key, a, b, c, d, e, f) == 0xe612_a3cb_9ecb_a951)
  }

  @Test func `SipHash-1-3 of one to six words, and of one and a half`() {
    let (a, b, c, d, e, f) = (word(0), word(1), word(2), word(3), word(4), word(5))
    #expect(SipHash.hash13(key, a) == 0x3690_9511_8d29_9a8e)
    #expect(SipHash.hash13(key, a, tail: 0x0b0a_0908) == 0x78a3_84b1_57b4_d9a2)
    #expect(SipHash.hash13(key, a, b) == 0xcc4f_dd1a_7d90_8b66)
    #expect(SipHash.hash13(key, a, b, c) == 0xf464_aeb2_6734_9c8c)
    #expect(SipHash.hash13(key, a, b, c, d) == 0x8115_7b6c_16a7_b60d)
    #expect(SipHash.hash13(key, a, b, c, d, e) == 0xc1d2_3632_99e4_1531)
    #expect(SipHash.hash13(key, a, b, c, d, e, f) == 0x9f31_43f8_df07_4c46)
  }
}
