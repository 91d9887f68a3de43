import en from '../../texts/en.json';
import { learn } from './t';

learn(en);
