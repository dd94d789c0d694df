"""Words of many languages, chosen for this project, for sentences without meaning."""

from collections.abc import Mapping

import numpy as np

WORDS: Mapping[str, str] = {
    "en-us": "my mother moved above the village map puppy baby problem opened five boats away "
    "window yellow thumb church judge measure vision father weather youth purple fabric maybe "
    "before breakfast improve people bubble jump shape wheel question song happy room boot",
    "de": "mein Bruder fährt am Abend über die Brücke Apfel Baum Mama Papa schön müde Vogel Pferd "
    "kaufen bleiben Wasser Fisch Frühling Köpfe Bücher Zimmer Straße jemand wollen Öl Boot "
    "warum immer plötzlich Blume Abendbrot sprechen glauben üben hoffen",
    "fr": "ma mère aime beaucoup le pain blanc bonjour papa chambre bébé vouloir fumée pomme "
    "ouvrir rouge jamais peut-être un bateau bleu demain matin fenêtre voiture eau feu pont "
    "oublier femme homme plume juin montagne cheval gens vivre",
    "es": "mi madre compra pan blanco papá bebe mucho vino puente mañana abuela hombre amable "
    "campo pueblo siempre feliz ventana libro jueves agua fuego zapato bomba llover nuevo "
    "bosque pájaro mapa tiempo hablar vivir",
    "it": "la mamma apre la bocca bambino papà piove sempre buono pomeriggio uva famiglia giallo "
    "fuoco acqua zio amico chiesa gelato sciarpa bene uomo problema bello campo voglio "
    "ombrello tempo libro ape viva",
    "pt-br": "minha mãe comprou pão branco papai bebê muito vinho ponte amanhã homem família "
    "chuva jovem água fogo sempre feliz janela livro povo nuvem bom dia mapa amigo verão "
    "abrir pombo uva sombra",
    "pl": "moja mama kupiła chleb biały pies woda dobry wieczór piękna ryba most babcia jabłko "
    "bardzo zawsze człowiek żaba szkoła wiosna okno małpa bęben pomoc złoty ulica impreza",
    "ru": "моя мама купила белый хлеб папа вода добрый вечер рыба мост бабушка яблоко очень "
    "всегда человек школа весна окно жизнь улица юбка помощь время большой любовь",
    "tr": "annem beyaz ekmek aldı baba su güzel akşam balık köprü elma çok her zaman insan okul "
    "bahar pencere yüz küçük büyük bebek pembe mavi yumurta öpmek",
    "nl": "mijn moeder koopt wit brood papa water goede avond vis brug oma appel altijd mens "
    "school lente venster bloem huis vuur boom blauw mooi beter vrouw jong opa uur muur",
    "sv": "min mamma köper vitt bröd pappa vatten god afton fisk bro mormor äpple alltid "
    "människa skola vår fönster blomma hus eld båt sju sjö himmel öppna hjälp ung blå",
    "ja": "まま ぱぱ ふね ひと わたし みず さかな はし ともだち いつも あめ ゆき ぼうし えんぴつ "
    "かばん しんぶん うみ やま べんり ぶどう もも むし たべもの びょういん",
    "cmn-latn-pinyin": "ma1ma5 ba4ba5 peng2you3 hao3 bu4 shui3 yu2 fang2zi5 mian4bao1 ping2guo3 "
    "fei1ji1 xie4xie5 wo3men5 ming2tian1 bei1zi5 lü4se4 hua1 zhong1wu3 po2po5 mu3qin1",
    "hi": "मेरा भाई पानी पीता है माँ पिता मछली पुल फूल बड़ा घर आम बहुत अब शाम किताब बाबा मुझे "
    "खिड़की दोस्त हमेशा बारिश पैर मुँह",
    "id": "ibu saya membeli roti putih bapak air sore ikan jembatan apel selalu orang sekolah "
    "jendela bunga rumah api perahu biru pohon baru bisa mimpi pagi mau lupa",
}  # fmt: skip


def sentence_in(language: str, rng: np.random.Generator) -> str:
    """Return five to nine random words of a language."""
    words = WORDS[language].split()
    return " ".join(str(word) for word in rng.choice(words, int(rng.integers(5, 10)))) + "."
